import { type Clock, systemClock } from "../common/clock.ts";
import { type Gpu, Readback, type Scope } from "../engine/gpu/device.ts";
import type { Step } from "../engine/gpu/kernel.ts";
import { Program } from "../engine/gpu/program.ts";
import type { Tensor } from "../engine/gpu/tensor.ts";
import { splitLinears } from "../engine/plan/split-linear.ts";
import { Workspace } from "../engine/plan/workspace.ts";
import type { Tuner } from "../engine/tune/tune.ts";
import { type Architecture, forwardGraph, type ModelShape } from "./models/architecture.ts";
import { makeNetwork, type Network } from "./models/network.ts";
import type { NamedTensor } from "./models/weights/tensor-file.ts";

/** How far a recipe is, in units of its phase. */
export interface Progress {
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  readonly etaSeconds: number | null;
  readonly imagesPerSecond: number | null;
}

export interface SessionOptions {
  /** Aborting it ends the run at the next point between two command buffers. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  /** For speeds and remaining times only; no result depends on it. */
  readonly clock?: Clock;
  /** Rows of a launch, at most; default: what suits the adapter (launch-rows.ts). No result depends on it. */
  readonly maxRows?: number;
  /** Without one, the documented default kernels. */
  readonly tuner?: Tuner;
}

/**
 * What the recipes of one run share: the device, everything made on it, cancellation and progress. Owns all that is made
 * through it; `dispose` frees it. Does not own the device.
 */
export class Session {
  readonly scope: Scope;
  /** Of all plans compiled for this session: what the body of one leaves must be used before another's runs. */
  readonly workspace: Workspace;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly maxRows: number;
  readonly #onProgress: (progress: Progress) => void;
  readonly #tuner: Tuner | undefined;
  readonly #owned: { dispose(): void }[] = [];
  readonly #cache = new WeakMap<object, Map<string, Promise<unknown>>>();

  constructor(readonly gpu: Gpu, { signal = new AbortController().signal, onProgress = () => undefined, clock = systemClock, maxRows = Infinity, tuner }: SessionOptions = {}) {
    this.scope = gpu.scope("run");
    this.workspace = new Workspace(this.scope);
    this.signal = signal;
    this.clock = clock;
    this.maxRows = maxRows;
    this.#onProgress = onProgress;
    this.#tuner = tuner;
  }

  /** A session of its own memory and programs with the same device, cancellation and progress: what it made is freed before this one ends. */
  child(): Session {
    return new Session(this.gpu, { signal: this.signal, onProgress: this.#onProgress, clock: this.clock, maxRows: this.maxRows, ...(this.#tuner && { tuner: this.#tuner }) });
  }

  /** Call between command buffers. @throws the signal's reason when the run is cancelled, the device's fault when it has one. */
  check(): void {
    this.signal.throwIfAborted();
    this.gpu.check();
  }

  progress(progress: Progress): void { this.#onProgress(progress); }

  /** A model with its weights, whatever their values: they were looked at when the model was made. @throws AppError WEIGHTS_CORRUPT. */
  loadNetwork(architecture: Architecture, shape: ModelShape, tensors: ReadonlyMap<string, NamedTensor>): Network {
    const network = makeNetwork(this.scope, architecture, shape);
    network.parameters.load(tensors, "take");
    return network;
  }

  /** Finds the fastest kernels for the network where they are wanted and not known yet. Call before it is compiled. */
  async tune(network: Network, { training }: { readonly training: boolean }): Promise<void> {
    const { graph } = splitLinears(forwardGraph(network.architecture, network, 1).graph, new Map(), this.gpu.tensorLimit); // as plans are made of it
    await this.#tuner?.tune(graph, {
      training, signal: this.signal,
      onProgress: (done, total) => this.progress({ phase: "tuning", done, total, etaSeconds: null, imagesPerSecond: null }),
    });
  }

  /** What `make` made for this owner (a network) under this key (batch size, purpose) before, or makes it: compiling is the slow part. */
  cached<T>(owner: object, key: string, make: () => Promise<T>): Promise<T> {
    let made = this.#cache.get(owner);
    if (!made) this.#cache.set(owner, made = new Map());
    const value = made.get(key) ?? make();
    made.set(key, value);
    return value as Promise<T>;
  }

  /** A program that lives as long as the session. @throws EngineError SHADER_INVALID, SHAPE_MISMATCH. */
  async prepare(label: string, steps: readonly Step[]): Promise<Program> {
    const program = await Program.prepare(this.gpu, label, steps);
    this.#owned.push(program);
    return program;
  }

  /** A readback that lives as long as the session. */
  readback(tensors: readonly Tensor[]): Readback {
    const readback = new Readback(this.gpu, tensors);
    this.#owned.push(readback);
    return readback;
  }

  dispose(): void {
    for (const owned of this.#owned.splice(0)) owned.dispose();
    this.scope.dispose();
  }
}
