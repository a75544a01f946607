import { Rng } from "../../common/rng.ts";
import { EngineError } from "../errors.ts";
import { type Gpu, Scope } from "../gpu/device.ts";
import { elements, OFFSET_ALIGNMENT, roundUp, type Tensor } from "../gpu/tensor.ts";
import type { Graph, Initialiser, OperationOf, Shape } from "../graph/graph.ts";
import { type Layout, layoutsOf, pack, physicalShape, sameLayout, unpack } from "../graph/physical.ts";
import { checkStored, type StoredTensor } from "./stored-tensors.ts";

type Leaf = OperationOf<"parameter" | "state" | "frozen">;

/** One named tensor of a network and where it lies in its flat buffer. */
export interface ParameterEntry {
  readonly name: string;
  readonly leaf: Leaf;
  readonly shape: Shape;
  readonly layout: Layout;
  /** Index of its first element in the flat tensor of its kind. */
  readonly first: number;
}

export interface ParameterOptions {
  /** Allocate `gradients`. Default false. */
  readonly gradients?: boolean;
  /** Optimiser slots, zeroed, laid out as `values`: 1 for momentum, 2 for AdamW. Default 0. */
  readonly slots?: number;
}

/**
 * The tensors of one network on the device, shared by every plan made of it (other batch sizes, training and evaluation).
 * All of a kind lie in one flat buffer, each tensor at a multiple of 256 bytes, the gaps 0: an optimiser's step is one
 * dispatch over `values`, `gradients` and the slots.
 *
 * Owned by the scope it was made in.
 */
export class NetworkParameters {
  readonly entries: readonly ParameterEntry[];
  /** Trained parameters. */
  readonly values: Tensor;
  /** Running statistics: saved, not trained. */
  readonly states: Tensor;
  /** Constants of the architecture: neither. */
  readonly frozen: Tensor;
  readonly gradients: Tensor | undefined;
  readonly slots: readonly Tensor[];
  readonly #gpu: Gpu;
  readonly #byName: ReadonlyMap<string, ParameterEntry>;

  /**
   * Everything is 0 until `initialise` or `load`, but the frozen constants, which are written here.
   * @throws EngineError OUT_OF_MEMORY; SHAPE_MISMATCH when a parameter is never read, or read in two layouts.
   */
  constructor(scope: Scope, graph: Graph, { gradients = false, slots = 0 }: ParameterOptions = {}) {
    const { entries, sizes } = arrange(graph);
    const flat = (label: string, size: number): Tensor => scope.tensor(label, [Math.max(size, OFFSET_ALIGNMENT / 4)]);
    this.#gpu = scope.gpu;
    this.entries = entries;
    this.#byName = new Map(entries.map((entry) => [entry.name, entry]));
    this.values = flat("parameters", sizes.parameter);
    this.states = flat("states", sizes.state);
    this.frozen = flat("frozen", sizes.frozen);
    this.gradients = gradients ? flat("gradients", sizes.parameter) : undefined;
    this.slots = Array.from({ length: slots }, (_, i) => flat(`optimiser ${i}`, sizes.parameter));
    for (const entry of entries) if (entry.leaf.op === "frozen") this.#write(entry, entry.leaf.values);
  }

  /** Count of trained numbers, without padding. */
  get count(): number { return this.entries.filter(isParameter).reduce((sum, { shape }) => sum + elements(shape), 0); }

  /** @throws EngineError SHAPE_MISMATCH when the network has no such tensor, or stores it in another shape or layout. */
  slice(name: string, shape: Shape, layout: Layout): Tensor {
    const entry = this.#entry(name);
    if (entry.shape.join() !== shape.join() || !sameLayout(entry.layout, layout)) {
      throw new EngineError("SHAPE_MISMATCH", `parameters: expected ${name} as ${describe(entry.shape, entry.layout)}, the graph reads ${describe(shape, layout)}; make the plan from the same network`, { name });
    }
    return this.#slice(this.#flat(entry.leaf), entry);
  }

  /** Where the gradient of a trained parameter goes. @throws EngineError SHAPE_MISMATCH without `gradients: true`. */
  gradientSlice(name: string): Tensor {
    const entry = this.#entry(name);
    if (!this.gradients || !isParameter(entry)) throw new EngineError("SHAPE_MISMATCH", `parameters: expected room for the gradient of ${name}, got none; make them with { gradients: true }`, { name });
    return this.#slice(this.gradients, entry);
  }

  /** Fresh weights and statistics, a function of the seed and the graph alone: parameter i draws from stream i. */
  initialise(seed: number | bigint): void {
    this.entries.filter(isParameter).forEach((entry, i) => { this.#write(entry, draw((entry.leaf as OperationOf<"parameter">).initialiser, elements(entry.shape), new Rng(seed, i))); });
    for (const entry of this.entries) if (entry.leaf.op === "state") this.#write(entry, new Float32Array(elements(entry.shape)).fill(entry.leaf.initial));
  }

  /**
   * Replaces all parameters and states. `tensors` are in PyTorch's shapes; exactly the network's names, finite values.
   * @throws EngineError WEIGHTS_CORRUPT naming everything that is wrong at once; then nothing was changed.
   */
  load(tensors: ReadonlyMap<string, StoredTensor>): void {
    const stored = this.entries.filter((entry) => entry.leaf.op !== "frozen");
    checkStored(stored, tensors);
    for (const entry of stored) this.#write(entry, tensors.get(entry.name)!.data);
  }

  /** All parameters and states, in PyTorch's shapes; `load` of it restores every bit. */
  async save(): Promise<Map<string, StoredTensor>> {
    const parameters = await this.#gpu.readF32(this.values);
    const states = await this.#gpu.readF32(this.states);
    return new Map(this.entries.filter(({ leaf }) => leaf.op !== "frozen").map((entry) => {
      const flat = isParameter(entry) ? parameters : states;
      return [entry.name, { shape: entry.shape, data: unpack(entry.layout, entry.shape, flat.subarray(entry.first)) }];
    }));
  }

  #entry(name: string): ParameterEntry {
    const entry = this.#byName.get(name);
    if (!entry) throw new EngineError("SHAPE_MISMATCH", `parameters: expected a tensor of the network, got ${name}`, { name });
    return entry;
  }

  #flat(leaf: Leaf): Tensor { return { parameter: this.values, state: this.states, frozen: this.frozen }[leaf.op]; }
  #slice(flat: Tensor, { name, first, layout, shape }: ParameterEntry): Tensor { return Scope.slice(flat, name, first, physicalShape(layout, shape)); }
  #write(entry: ParameterEntry, data: ArrayLike<number>): void { this.#gpu.write(this.#slice(this.#flat(entry.leaf), entry), pack(entry.layout, entry.shape, data)); }
}

/** Gives every leaf its place, in the order of the graph. */
function arrange(graph: Graph): { entries: ParameterEntry[]; sizes: Record<Leaf["op"], number> } {
  const layouts = layoutsOf(graph);
  const sizes = { parameter: 0, state: 0, frozen: 0 };
  const entries: ParameterEntry[] = [];
  graph.nodes.forEach(({ operation, shape }, i) => {
    if (operation.op !== "parameter" && operation.op !== "state" && operation.op !== "frozen") return;
    entries.push({ name: operation.name, leaf: operation, shape, layout: layouts[i]!, first: sizes[operation.op] });
    sizes[operation.op] += roundUp(elements(physicalShape(layouts[i]!, shape)), OFFSET_ALIGNMENT / 4);
  });
  return { entries, sizes };
}

function draw(initialiser: Initialiser, n: number, rng: Rng): Float32Array {
  switch (initialiser.kind) {
    case "constant": return new Float32Array(n).fill(initialiser.value);
    case "kaiming-normal": { const std = Math.sqrt(2 / initialiser.fanOut); return Float32Array.from({ length: n }, () => std * rng.normal()); }
    case "kaiming-uniform": case "bias-uniform": { const bound = Math.sqrt(1 / initialiser.fanIn); return Float32Array.from({ length: n }, () => bound * (2 * rng.uniform() - 1)); }
  }
}

function isParameter({ leaf }: ParameterEntry): boolean { return leaf.op === "parameter"; }
function describe(shape: Shape, layout: Layout): string { return `[${shape.join(", ")}] ${layout.kind}`; }
