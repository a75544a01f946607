import { type Clock, systemClock } from "../common/clock.ts";
import { type Gpu, Readback, type Scope } from "../engine/gpu/device.ts";
import type { Step } from "../engine/gpu/kernel.ts";
import { Program } from "../engine/gpu/program.ts";
import type { Tensor } from "../engine/gpu/tensor.ts";
import type { ModelShape } from "./models/architecture.ts";
import { architectureNamed } from "./models/architectures.ts";
import { loadWeights, makeNetwork, type Network } from "./models/network.ts";

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
}

/**
 * What the recipes of one run share: the device, everything made on it, cancellation and progress. Owns all that is made
 * through it; `dispose` frees it. Does not own the device.
 */
export class Session {
  readonly scope: Scope;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly #onProgress: (progress: Progress) => void;
  readonly #owned: { dispose(): void }[] = [];
  readonly #cache = new WeakMap<object, Map<string, Promise<unknown>>>();

  constructor(readonly gpu: Gpu, { signal = new AbortController().signal, onProgress = () => undefined, clock = systemClock }: SessionOptions = {}) {
    this.scope = gpu.scope("run");
    this.signal = signal;
    this.clock = clock;
    this.#onProgress = onProgress;
  }

  /** A session of its own memory and programs with the same device, cancellation and progress: what it made is freed before this one ends. */
  child(): Session {
    return new Session(this.gpu, { signal: this.signal, onProgress: this.#onProgress, clock: this.clock });
  }

  /** Call between command buffers. @throws the signal's reason when the run is cancelled, the device's fault when it has one. */
  check(): void {
    this.signal.throwIfAborted();
    this.gpu.check();
  }

  progress(progress: Progress): void { this.#onProgress(progress); }

  /** A model from its weights file. @throws AppError INVALID_INPUT (unknown architecture), WEIGHTS_CORRUPT. */
  loadNetwork(architecture: string, shape: ModelShape, weights: Uint8Array): Network {
    const network = makeNetwork(this.scope, architectureNamed(architecture), shape);
    loadWeights(network, weights);
    return network;
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
