import { EngineError } from "../../../engine/errors.ts";
import type { GraphBuilder, Shape, Value } from "../../../engine/graph/graph.ts";
import { Attributes } from "./attributes.ts";
import { Budget } from "./budget.ts";
import { type Constant, volume } from "./constant.ts";
import { clip, damaged, unsupported } from "./errors.ts";
import { shapeOf } from "./fold/shapes.ts";
import { isConstant, Mapping, type Surroundings, type Term, type WeightForm } from "./mapping.ts";
import type { OnnxNode } from "./model.ts";
import { operators } from "./operators/table.ts";
import { FOLDED_ELEMENTS, foldNode, type StaticModel } from "./statics.ts";

/** A parameter or running statistic of the graph: which tensor of the file it holds, and how arranged. */
export interface PlacedWeight { readonly tensor: Constant; readonly form: WeightForm }

/** A model at the batch size that it was exported for. */
export interface Reference { readonly batch: number; readonly shapes: ReadonlyMap<string, Shape> }

/** Of all slices, pads and resizes of a network: thousands of times what one has. */
const MAX_MAP_ENTRIES = 1 << 22;

/** Largest value of a graph, in elements of one image: above what any adapter binds, far below what overflows. */
const MAX_ELEMENTS = 2 ** 31;

/**
 * One pass over the nodes for one batch size: what follows from shapes is computed, everything else becomes operations of
 * the graph. Made anew for every batch size.
 */
export class Walk implements Surroundings {
  readonly #terms = new Map<string, Term>();
  readonly #truths = new Set<Value>();
  readonly #placed = new Map<string, Value>();
  readonly #inners = new Map<string, number>();
  readonly #folding = new Budget(FOLDED_ELEMENTS, "elements of constants to compute");
  /** Of maps along axes: slices, pads, resizes. */
  readonly mapEntries = new Budget(MAX_MAP_ENTRIES, "entries of slices, pads and resizes");
  /** By name in the graph. */
  readonly weights = new Map<string, PlacedWeight>();

  /** @param reference the batch size that the file fixes and the shapes of tensors at it, when this is another. */
  constructor(readonly builder: GraphBuilder, private readonly model: StaticModel, private readonly reference?: Reference) {}

  get opset(): number { return this.model.opset; }

  /** @param image what stands for the model's input. @returns its output. @throws AppError MODEL_UNSUPPORTED naming the node. */
  run(image: Value): Value {
    this.#terms.set(this.model.input, image);
    for (const node of this.model.nodes) this.#visit(node);
    const output = this.term(this.model.output);
    if (isConstant(output)) throw unsupported(undefined, "expected an output that depends on the image, got a constant; export the model again");
    return output;
  }

  /** Shape of every tensor that depends on the batch's shape or images. */
  shapes(): Map<string, Shape> {
    return new Map([...this.#terms].map(([name, term]) => [name, isConstant(term) ? term.shape : this.builder.shapeOf(term)]));
  }

  /** @throws AppError WEIGHTS_CORRUPT for a further output of a node, which its operator does not make. */
  term(name: string): Term {
    const term = this.#terms.get(name) ?? this.model.constants.get(name);
    if (term === undefined) throw damaged(`tensor ${clip(name)}: expected an output that its operator makes, got a further one; export the model again`);
    return term;
  }

  isWeight(name: string): boolean { return this.model.weights.has(name); }
  isRead(name: string): boolean { return this.model.read.has(name); }
  isTruth(value: Value): boolean { return this.#truths.has(value); }
  markTruth(value: Value): Value { this.#truths.add(value); return value; }
  referenceShape(name: string): Shape | undefined { return this.reference?.shapes.get(name); }
  get referenceBatch(): number { return this.reference?.batch ?? this.builder.batch; }
  innerOf(name: string): number { return this.#inners.get(name) ?? 1; }
  setInner(name: string, inner: number): void { this.#inners.set(name, inner); }

  place(name: string, tensor: Constant, collapsed: boolean): Value {
    const shape = tensor.shape.length === 0 ? [1] : tensor.shape;
    const small = this.isWeight(name) && tensor.type === "float" ? this.weight(name, tensor, { shape }) : this.#frozen(name, { ...tensor, shape });
    return collapsed ? small : this.builder.expand(small, shape);
  }

  /** The first use of a tensor has its name; a use in another form gets a copy of its own. */
  weight(name: string, tensor: Constant, form: WeightForm): Value {
    const { shape, state = false, arranged } = form;
    if (!arranged && volume(shape) !== tensor.data.length) throw unsupported(undefined, `tensor ${clip(name)}: expected [${shape.join(", ")}], got [${tensor.shape.join(", ")}]; export the model again`);
    const how = [state ? "state" : "", arranged?.how ?? "", shape.join("x")].join(".");
    const existing = this.#placed.get(`${how} ${name}`);
    if (existing !== undefined) return existing;
    const own = this.weights.has(name) ? `${name}.${how}` : name;
    const value = state ? this.builder.state(own, shape, 0) : this.builder.parameter(own, shape, { kind: "constant", value: 0 });
    this.weights.set(own, { tensor, form });
    this.#placed.set(`${how} ${name}`, value);
    return value;
  }

  /**
   * A constant is stored with a side of 1 where it repeats: parameters and constants of a network must not depend on the
   * batch size, but exporters expand constants to it.
   */
  #frozen(name: string, tensor: Constant): Value {
    const existing = this.#placed.get(`constant ${name}`);
    if (existing !== undefined) return existing;
    const { shape, data } = collapse(tensor);
    if (!data.every((value) => Number.isFinite(Math.fround(value)))) throw unsupported(undefined, `constant ${clip(name)}: expected finite numbers, got others, which kernels may not compute with; use ±1e30 in place of infinity`);
    const value = this.builder.frozen(name, shape, Array.from(data, Math.fround));
    this.#placed.set(`constant ${name}`, value);
    return value;
  }

  #visit(node: OnnxNode): void {
    try {
      const outputs = this.#compute(node);
      this.#passInner(node);
      node.outputs.forEach((name, i) => { if (name !== "" && outputs[i] !== undefined) this.#terms.set(name, this.#checked(node, outputs[i])); });
    } catch (cause) {
      // The engine checks shapes where operations are written; which node wrote them is known here.
      if (cause instanceof EngineError) throw unsupported(node, `${cause.message}; export the model again, with its batch size as a dynamic axis`, { cause });
      throw cause;
    }
  }

  /** Operators other than reshapes keep the order within an axis. */
  #passInner({ inputs, outputs }: OnnxNode): void {
    const inner = Math.max(1, ...inputs.map((name) => this.innerOf(name)));
    for (const name of outputs) if (inner > 1 && !this.#inners.has(name)) this.#inners.set(name, inner);
  }

  /** The branch of an If whose condition follows from shapes. */
  #branch(node: OnnxNode, { taken, otherwise }: NonNullable<OnnxNode["branches"]>): readonly Term[] {
    const [condition = ""] = node.inputs;
    const known = condition === "" ? undefined : this.term(condition);
    if (known === undefined || !isConstant(known) || known.data.length !== 1) throw unsupported(node, "expected a condition that is known at import, got one that depends on the image; export the model without control flow (torch.jit.trace follows one path)");
    const { nodes, outputs } = known.data[0] === 0 ? otherwise : taken;
    for (const each of nodes) this.#visit(each);
    return outputs.map((name) => this.term(name));
  }

  #compute(node: OnnxNode): readonly Term[] {
    if (node.branches) return this.#branch(node, node.branches);
    const terms = node.inputs.map((name) => (name === "" ? undefined : this.term(name)));
    if (node.op === "Shape" || node.op === "Size") return [this.#shape(node, terms[0])];
    const known = terms.map((term) => (term !== undefined && isConstant(term) ? term : undefined));
    const folded = foldNode(node, known, { opset: this.opset, budget: this.#folding, limit: FOLDED_ELEMENTS });
    if (folded) return folded;
    const operator = operators.get(node.op);
    if (!operator) throw unsupported(node, `expected one of the operators that Lorenz knows, got ${node.op}; known are ${[...operators.keys()].sort().join(", ")}`);
    const attributes = new Attributes(node, node.attributes);
    const made = operator(new Mapping(node, attributes, this));
    attributes.finish();
    return Array.isArray(made) ? made as readonly Term[] : [made as Term];
  }

  #shape(node: OnnxNode, term: Term | undefined): Constant {
    if (term === undefined) throw unsupported(node, "expected an input number 0, got none; export the model again");
    const attributes = new Attributes(node, node.attributes);
    const sides = shapeOf({ attributes }, isConstant(term) ? term.shape : this.builder.shapeOf(term));
    attributes.finish();
    return node.op === "Shape" ? sides : { type: "int", shape: [], data: Float64Array.of(volume(Array.from(sides.data))) };
  }

  #checked(node: OnnxNode, term: Term): Term {
    if (isConstant(term)) return term;
    const shape = this.builder.shapeOf(term);
    if (shape.length === 0 || shape.some((side) => !Number.isSafeInteger(side) || side < 1) || volume(shape) / this.builder.batch > MAX_ELEMENTS) {
      throw unsupported(node, `expected a result of 1 to ${MAX_ELEMENTS} elements for an image, got [${shape.join(", ")}]; use smaller images`);
    }
    return term;
  }
}

/** The smallest tensor that broadcasts to the given one. */
function collapse({ type, shape, data }: Constant): Constant {
  let result: Constant = { type, shape, data };
  for (let axis = 0; axis < shape.length; axis++) {
    const inner = volume(result.shape.slice(axis + 1));
    const side = shape[axis]!;
    if (side === 1 || !result.data.every((value, i) => Object.is(value, result.data[i - (Math.floor(i / inner) % side) * inner]))) continue;
    result = { type, shape: result.shape.with(axis, 1), data: result.data.filter((_, i) => Math.floor(i / inner) % side === 0) };
  }
  return result;
}
