import { invariant } from "../../common/errors.ts";
import { EngineError } from "../errors.ts";
import type { Gpu, Scope } from "../gpu/device.ts";
import type { Dispatch, Step } from "../gpu/kernel.ts";
import { copy, toTexture } from "../gpu/program.ts";
import { type Tensor, type TensorTexture, textureRows } from "../gpu/tensor.ts";
import type { Graph, Mode, Node, Operation, OperationOf, Shape, Value } from "../graph/graph.ts";
import type { AxisMap } from "../graph/operations/shape.ts";
import { pad4, packVector } from "../graph/layout.ts";
import { type Layout, physicalShape } from "../graph/physical.ts";
import type { Fusion } from "./fuse.ts";
import { type Access, Block, BlockTexture } from "./memory.ts";
import type { NetworkParameters } from "./parameters.ts";

/** A step of the plan before it has memory: `steps` is called once every block has its tensor. */
export interface Unit extends Access {
  readonly label: string;
  readonly steps: () => Step[];
}

/** What a plan is lowered from. */
export interface LoweringInput {
  readonly gpu: Gpu;
  readonly scope: Scope;
  readonly graph: Graph;
  readonly layouts: readonly Layout[];
  readonly fusion: Fusion;
  readonly mode: Mode;
  readonly parameters: NetworkParameters;
  readonly image: Tensor;
  readonly labels: Tensor | undefined;
  /** Values that are written straight into a parameter's gradient. */
  readonly gradientOf: ReadonlyMap<Value, string>;
}

/** An AxisMap on the device. */
export interface MapTable { readonly offsets: Block; readonly indices: Block; readonly weights: Block }

type NodeOf<O extends Operation["op"]> = Node & { readonly operation: OperationOf<O> };

/**
 * The state of turning nodes into units: which block holds each value, what was emitted so far, and what is computed
 * once for several nodes (statistics, transposed weights, constants). The rules for each operation are in lower-*.ts.
 */
export class Lowering {
  readonly prologue: Unit[] = [];
  readonly body: Unit[] = [];
  readonly #blocks = new Map<Value, Block>();
  readonly #shared = new Map<string, unknown>();
  readonly #textures = new Map<Block, BlockTexture>();
  readonly #tables = new Map<AxisMap, MapTable>();
  constructor(readonly input: LoweringInput) {}

  node<O extends Operation["op"] = Operation["op"]>(value: Value): NodeOf<O> { return this.input.graph.nodes[value] as NodeOf<O>; }
  shape(value: Value): Shape { return this.node(value).shape; }
  layout(value: Value): Layout { return this.input.layouts[value]!; }

  has(value: Value): boolean { return this.#blocks.has(value); }

  /** What a value is read from. */
  block(value: Value): Block {
    const known = this.#blocks.get(value) ?? this.#leaf(value);
    invariant(known, `plan: value ${value} (${this.node(value).operation.op}) is read before it is computed`);
    this.#blocks.set(value, known);
    return known;
  }

  /** Where a value is written: its parameter's gradient, or room to be found. */
  define(value: Value): Block {
    const known = this.#blocks.get(value);
    if (known) return known;
    const name = this.input.gradientOf.get(value);
    const tensor = name === undefined ? undefined : this.input.parameters.gradientSlice(name);
    const block = new Block(`${this.node(value).operation.op} ${value}`, physicalShape(this.layout(value), this.shape(value)), tensor);
    this.#blocks.set(value, block);
    return block;
  }

  /** The value lies where `of` does, and a second time where its parameter's gradient belongs. */
  alias(value: Value, of: Value): void {
    const from = this.block(of);
    if (!this.input.gradientOf.has(value)) { this.#blocks.set(value, from); return; }
    const to = this.define(value);
    this.emit(`copy ${value}`, { reads: [from], writes: [to] }, () => [copy(at(from), at(to))]);
  }

  /** A block for each count of elements that is not 0. */
  scratch(label: string, ...counts: readonly number[]): Block[] { return counts.filter((count) => count > 0).map((count) => new Block(`${label} scratch`, [count])); }

  emit(label: string, { reads, writes, scratch = [], textures = [] }: Pick<Access, "reads" | "writes"> & Partial<Access>, steps: () => Step[], phase: "prologue" | "body" = "body"): void {
    this[phase].push({ label, reads, writes, scratch, textures, steps });
  }

  /** The texture of a block that is complete: copied by the first unit that asks, and none when it is too large for one. */
  texture(block: Block): BlockTexture | undefined {
    if (textureRows(block.bytes) > this.input.gpu.limits.maxTextureDimension2D) return undefined;
    return this.#onceFor(block, () => {
      const texture = new BlockTexture(block);
      this.emit(`texture of ${block.label}`, { reads: [block], writes: [], textures: [texture] }, () => [toTexture(withTexture(block, texture))], this.#ofParameters(block) ? "prologue" : "body");
      return texture;
    });
  }

  #onceFor(block: Block, make: () => BlockTexture): BlockTexture {
    const known = this.#textures.get(block) ?? make();
    this.#textures.set(block, known);
    return known;
  }

  /** Whether the value changes only when the parameters do. */
  ofParameters(value: Value): boolean { return this.#ofParameters(this.block(value)); }

  #ofParameters(block: Block): boolean {
    return this.prologue.some(({ writes }) => writes.includes(block)) || (block.tensor !== undefined && block.tensor !== this.input.image);
  }

  /** Computes once what several nodes ask for by the same key. */
  once<T>(key: string, make: () => T): T {
    if (!this.#shared.has(key)) this.#shared.set(key, make());
    return this.#shared.get(key) as T;
  }

  /** A constant vector on the device, owned by the plan's scope. */
  constant(label: string, values: readonly number[]): Block {
    return this.once(`constant ${values.join()}`, () => {
      const tensor = this.input.scope.tensor(label, [pad4(values.length)]);
      this.input.gpu.write(tensor, packVector(values));
      return new Block(label, tensor.shape, tensor);
    });
  }

  /** A map on the device, made once for all nodes that share it; owned by the plan's scope. */
  table(map: AxisMap): MapTable {
    const known = this.#tables.get(map) ?? {
      offsets: this.#upload("map offsets", Uint32Array.from(map.offsets)),
      indices: this.#upload("map indices", Uint32Array.from(map.indices)),
      weights: this.#upload("map weights", Float32Array.from(map.weights)),
    };
    this.#tables.set(map, known);
    return known;
  }

  #upload(label: string, data: Uint32Array | Float32Array): Block {
    const { scope, gpu } = this.input;
    const tensor = scope.tensor(label, [Math.max(1, data.length)], data instanceof Uint32Array ? "u32" : "f32"); // a map that is 0 everywhere has no entries
    if (data.length > 0) gpu.write(tensor, data);
    return new Block(label, tensor.shape, tensor);
  }

  #leaf(value: Value): Block | undefined {
    const { operation, shape } = this.node(value);
    const { parameters, image, labels } = this.input;
    switch (operation.op) {
      case "image": return new Block("image", image.shape, image);
      case "seed": return this.constant("seed", new Array<number>(shape[0]!).fill(operation.value));
      case "labels":
        if (!labels) throw new EngineError("SHAPE_MISMATCH", "plan: expected a tensor of labels for this graph, got none; pass `labels`");
        return new Block("labels", labels.shape, labels);
      case "parameter": case "state": case "frozen": {
        const tensor = parameters.slice(operation.name, shape, this.layout(value));
        return new Block(operation.name, tensor.shape, tensor);
      }
      default: return undefined;
    }
  }
}

/** The device tensor of a block, once memory is laid out. */
export function at(block: Block): Tensor {
  invariant(block.tensor, `plan: ${block.label} has no memory`);
  return block.tensor;
}

/** The same, with its texture. */
export function withTexture(block: Block, { texture }: BlockTexture): Tensor & { readonly texture: TensorTexture } {
  invariant(texture, `plan: the texture of ${block.label} has no memory`);
  return { ...at(block), texture };
}

/** Handles one operation. The value is the last of its chain where the operation has one. */
export type Rule = (lowering: Lowering, value: Value) => void;

/** How each operation of a family becomes units. */
export type LoweringRules<Family extends Operation> = Readonly<Record<Family["op"], Rule>>;

/** The usual rule: one dispatch that reads `inputs` and writes the value. */
export function emitDispatch(lowering: Lowering, value: Value, inputs: readonly Value[], dispatch: (inputs: readonly Tensor[], output: Tensor) => Dispatch, phase: "prologue" | "body" = "body"): void {
  const reads = inputs.map((input) => lowering.block(input));
  const y = lowering.define(value);
  lowering.emit(`${lowering.node(value).operation.op} ${value}`, { reads, writes: [y] }, () => [dispatch(reads.map(at), at(y))], phase);
}
