import { Rng } from "../../common/rng.ts";
import { EngineError } from "../errors.ts";
import { type Gpu, Scope } from "../gpu/device.ts";
import { elements, OFFSET_ALIGNMENT, roundUp, type Tensor } from "../gpu/tensor.ts";
import type { Graph, Initialiser, OperationOf, Shape, Value } from "../graph/graph.ts";
import { layoutsOf } from "../graph/inference.ts";
import { type Layout, pack, physicalShape, sameLayout, unpack } from "../graph/physical.ts";
import { partedWeights, splitLinears, type WeightPart } from "./split-linear.ts";
import { checkStored, type StoredTensor } from "./stored-tensors.ts";

type Leaf = OperationOf<"parameter" | "state" | "frozen">;

/** One named tensor of a network and where it lies. */
export interface ParameterEntry {
  readonly name: string;
  readonly leaf: Leaf;
  readonly shape: Shape;
  readonly layout: Layout;
  /** One, unless the tensor is a linear weight that no kernel can bind whole (split-linear.ts). */
  readonly places: readonly Place[];
}

/** Where a tensor lies, or some of its rows. */
interface Place {
  /** What a plan reads it by. */
  readonly name: string;
  readonly shape: Shape;
  /** Its first row in the whole tensor. */
  readonly row: number;
  /** Which of the flat tensors of its kind it is in. */
  readonly flat: number;
  /** Index of its first element there. */
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
 * All of a kind lie in flat buffers, each tensor at a multiple of 256 bytes, the gaps 0. There is one buffer, or as few as
 * hold them where that is more than the adapter binds at once: an optimiser's step is one dispatch for each of `values`,
 * with the same ones of `gradients` and of the slots.
 *
 * Owned by the scope it was made in.
 */
export class NetworkParameters {
  readonly entries: readonly ParameterEntry[];
  /** Trained parameters. */
  readonly values: readonly Tensor[];
  /** Running statistics: saved, not trained. */
  readonly states: readonly Tensor[];
  /** Constants of the architecture: neither. */
  readonly frozen: readonly Tensor[];
  /** None without `gradients: true`. */
  readonly gradients: readonly Tensor[];
  readonly slots: readonly (readonly Tensor[])[];
  readonly #gpu: Gpu;
  readonly #byName: ReadonlyMap<string, { readonly entry: ParameterEntry; readonly place: Place }>;

  /**
   * Everything is 0 until `initialise` or `load`, but the frozen constants, which are written here.
   * @throws EngineError OUT_OF_MEMORY, naming the tensor, when one is larger than the adapter binds; SHAPE_MISMATCH when a
   *   parameter is never read, or read in two layouts.
   */
  constructor(scope: Scope, graph: Graph, { gradients = false, slots = 0 }: ParameterOptions = {}) {
    const { entries, sizes } = arrange(graph, scope.gpu);
    const flat = (label: string, kind: readonly number[]): Tensor[] => kind.map((size) => scope.tensor(label, [size]));
    this.#gpu = scope.gpu;
    this.entries = entries;
    this.#byName = new Map(entries.flatMap((entry) => entry.places.map((place) => [place.name, { entry, place }])));
    this.values = flat("parameters", sizes.parameter);
    this.states = flat("states", sizes.state);
    this.frozen = flat("frozen", sizes.frozen);
    this.gradients = gradients ? flat("gradients", sizes.parameter) : [];
    this.slots = Array.from({ length: slots }, (_, i) => flat(`optimiser ${i}`, sizes.parameter));
    for (const entry of entries) if (entry.leaf.op === "frozen") this.#write(this.frozen, entry, entry.leaf.values);
  }

  /** Count of trained numbers, without padding. */
  get count(): number { return this.entries.filter(isParameter).reduce((sum, { shape }) => sum + elements(shape), 0); }

  /** @throws EngineError SHAPE_MISMATCH when the network has no such tensor, or stores it in another shape or layout. */
  slice(name: string, shape: Shape, layout: Layout): Tensor {
    const { entry, place } = this.#find(name);
    if (place.shape.join() !== shape.join() || !sameLayout(entry.layout, layout)) {
      throw new EngineError("SHAPE_MISMATCH", `parameters: expected ${name} as ${describe(place.shape, entry.layout)}, the graph reads ${describe(shape, layout)}; make the plan from the same network`, { name });
    }
    return slice(this.#flats(entry.leaf), entry.layout, place);
  }

  /** Where the gradient of a trained parameter goes. @throws EngineError SHAPE_MISMATCH without `gradients: true`. */
  gradientSlice(name: string): Tensor {
    const { entry, place } = this.#find(name);
    if (this.gradients.length === 0 || !isParameter(entry)) throw new EngineError("SHAPE_MISMATCH", `parameters: expected room for the gradient of ${name}, got none; make them with { gradients: true }`, { name });
    return slice(this.gradients, entry.layout, place);
  }

  /** Fresh weights and statistics, a function of the seed and the graph alone: parameter i draws from stream i. */
  initialise(seed: number | bigint): void {
    this.entries.filter(isParameter).forEach((entry, i) => { this.#write(this.values, entry, draw((entry.leaf as OperationOf<"parameter">).initialiser, elements(entry.shape), new Rng(seed, i))); });
    for (const entry of this.entries) if (entry.leaf.op === "state") this.#write(this.states, entry, new Float32Array(elements(entry.shape)).fill(entry.leaf.initial));
  }

  /**
   * Replaces all parameters and states. `tensors` are in PyTorch's shapes; exactly the network's names, finite values.
   * @param nonFinite "take" lets NaN and infinities in: of a network that somebody brought, and was warned about. Default "refuse".
   * @throws EngineError WEIGHTS_CORRUPT naming everything that is wrong at once; then nothing was changed.
   */
  load(tensors: ReadonlyMap<string, StoredTensor>, nonFinite: "refuse" | "take" = "refuse"): void {
    const stored = this.entries.filter((entry) => entry.leaf.op !== "frozen");
    checkStored(stored, tensors, nonFinite);
    for (const entry of stored) this.#write(this.#flats(entry.leaf), entry, tensors.get(entry.name)!.data);
  }

  /** All parameters and states, in PyTorch's shapes; `load` of it restores every bit. */
  async save(): Promise<Map<string, StoredTensor>> {
    const parameters = await this.#read(this.values, "parameter");
    const states = await this.#read(this.states, "state");
    return new Map(this.entries.filter(({ leaf }) => leaf.op !== "frozen").map(({ name, leaf }) => [name, (leaf.op === "parameter" ? parameters : states).get(name)!]));
  }

  /** Slot i of every trained parameter, in PyTorch's shapes; `loadSlot` of it restores every bit. */
  saveSlot(i: number): Promise<Map<string, StoredTensor>> { return this.#read(this.slots[i]!, "parameter"); }

  /** @throws EngineError WEIGHTS_CORRUPT unless `tensors` are those of the trained parameters; then nothing was changed. */
  loadSlot(i: number, tensors: ReadonlyMap<string, StoredTensor>): void {
    const trained = this.entries.filter(isParameter);
    checkStored(trained, tensors);
    for (const entry of trained) this.#write(this.slots[i]!, entry, tensors.get(entry.name)!.data);
  }

  #find(name: string): { readonly entry: ParameterEntry; readonly place: Place } {
    const found = this.#byName.get(name);
    if (!found) throw new EngineError("SHAPE_MISMATCH", `parameters: expected a tensor of the network, got ${name}`, { name });
    return found;
  }

  #flats(leaf: Leaf): readonly Tensor[] { return { parameter: this.values, state: this.states, frozen: this.frozen }[leaf.op]; }

  /** What is not a Float32Array is a constant, which has one place. */
  #write(flats: readonly Tensor[], { layout, places }: ParameterEntry, data: ArrayLike<number>): void {
    for (const place of places) this.#gpu.write(slice(flats, layout, place), pack(layout, place.shape, data instanceof Float32Array ? rowsOf(data, place) : data));
  }

  async #read(flats: readonly Tensor[], kind: Leaf["op"]): Promise<Map<string, StoredTensor>> {
    const numbers: Float32Array[] = [];
    for (const flat of flats) numbers.push(await this.#gpu.readF32(flat));
    return new Map(this.entries.filter(({ leaf }) => leaf.op === kind).map(({ name, layout, shape, places }) => {
      const data = places.map((place) => unpack(layout, place.shape, numbers[place.flat]!.subarray(place.first)));
      return [name, { shape, data: data.length === 1 ? data[0]! : joined(data) }];
    }));
  }
}

function slice(flats: readonly Tensor[], layout: Layout, { name, shape, flat, first }: Place): Tensor { return Scope.slice(flats[flat]!, name, first, physicalShape(layout, shape)); }

function rowsOf(data: Float32Array, { shape, row }: Place): Float32Array {
  const width = elements(shape) / shape[0]!;
  return data.subarray(row * width, (row + shape[0]!) * width);
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  parts.reduce((at, part) => { whole.set(part, at); return at + part.length; }, 0);
  return whole;
}

/** Gives every leaf its place, in the order of the graph. `sizes` are the elements of each flat tensor. */
function arrange(graph: Graph, { tensorLimit: limit, adapter }: Gpu): { entries: ParameterEntry[]; sizes: Record<Leaf["op"], number[]> } {
  const { layouts, parted } = leafLayouts(graph, limit);
  const sizes: Record<Leaf["op"], number[]> = { parameter: [0], state: [0], frozen: [0] };
  const entries = graph.nodes.flatMap(({ operation, shape }, i): ParameterEntry[] => {
    if (operation.op !== "parameter" && operation.op !== "state" && operation.op !== "frozen") return [];
    const { name } = operation;
    const layout = layouts[i]!;
    const wanted = parted.get(i as Value)?.map((part) => ({ name: part.name, shape: shape.with(0, part.count), row: part.first })) ?? [{ name, shape, row: 0 }];
    const places = wanted.map((place): Place => {
      const bytes = roundUp(4 * elements(physicalShape(layout, place.shape)), OFFSET_ALIGNMENT);
      if (bytes > limit) throw tooLarge(place.name, place.shape, bytes, limit, adapter.description);
      return { ...place, ...claim(sizes[operation.op], bytes / 4, limit / 4) };
    });
    return [{ name, leaf: operation, shape, layout, places }];
  });
  for (const kind of Object.values(sizes)) if (kind[0] === 0) kind[0] = OFFSET_ALIGNMENT / 4; // a buffer cannot be empty
  return { entries, sizes };
}

/** Layouts by value, those of leaves as plans will find them, and the weights that are kept in parts. */
function leafLayouts(graph: Graph, limit: number): { layouts: readonly Layout[]; parted: ReadonlyMap<Value, readonly WeightPart[]> } {
  const whole = layoutsOf(graph);
  const parted = partedWeights(graph, whole, limit);
  if (parted.size === 0) return { layouts: whole, parted };
  const split = splitLinears(graph, new Map(), limit);
  const layouts = layoutsOf(split.graph);
  return { layouts: whole.map((layout, i) => (parted.has(i as Value) ? layout : layouts[split.renamed(i as Value)]!)), parted };
}

/** Room at the end of the last flat tensor, or in a new one. */
function claim(sizes: number[], count: number, most: number): { flat: number; first: number } {
  if (sizes.at(-1)! + count > most) sizes.push(0);
  const flat = sizes.length - 1;
  const first = sizes[flat]!;
  sizes[flat]! += count;
  return { flat, first };
}

function tooLarge(name: string, shape: Shape, bytes: number, limit: number, adapter: string): EngineError {
  return new EngineError("OUT_OF_MEMORY", `parameters: expected each tensor to fit the ${limit} bytes that ${adapter} binds at once, got ${name} [${shape.join(", ")}] of ${bytes} bytes; use an adapter that binds more (a GPU), or a narrower form of the network`, { name, bytes, limit });
}

function draw(initialiser: Initialiser, n: number, rng: Rng): Float32Array {
  switch (initialiser.kind) {
    case "constant": return new Float32Array(n).fill(initialiser.value);
    case "kaiming-normal": return normal(n, Math.sqrt(2 / initialiser.fanOut), rng);
    case "normal": return normal(n, initialiser.std, rng);
    case "kaiming-uniform": case "bias-uniform": return uniform(n, Math.sqrt(1 / initialiser.fanIn), rng);
    case "uniform": return uniform(n, initialiser.bound, rng);
  }
}

function normal(n: number, std: number, rng: Rng): Float32Array { return Float32Array.from({ length: n }, () => std * rng.normal()); }
function uniform(n: number, bound: number, rng: Rng): Float32Array { return Float32Array.from({ length: n }, () => bound * (2 * rng.uniform() - 1)); }

function isParameter({ leaf }: ParameterEntry): boolean { return leaf.op === "parameter"; }
function describe(shape: Shape, layout: Layout): string { return `[${shape.join(", ")}] ${layout.kind}`; }
