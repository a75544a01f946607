import type { GraphBuilder, Shape, Value } from "../../../engine/graph/graph.ts";
import type { Attributes } from "./attributes.ts";
import type { Budget } from "./budget.ts";
import type { Constant } from "./constant.ts";
import { type NodeLabel, unsupported } from "./errors.ts";

/** A tensor of the model while it is imported: known, or a value of the graph. */
export type Term = Constant | Value;

export function isConstant(term: Term): term is Constant { return typeof term === "object"; }

/** How an operator wants to have a tensor of weights. */
export interface WeightForm {
  readonly shape: Shape;
  /** Running statistics are saved, not trained. */
  readonly state?: boolean;
  /** Values in that shape, row-major, and what was done to them; by default the tensor's own. */
  readonly arranged?: { readonly how: "transposed" | "repeated"; readonly values: (data: ArrayLike<number>) => Float32Array };
}

/** What a mapping needs from the walk over the model. */
export interface Surroundings {
  readonly builder: GraphBuilder;
  readonly opset: number;
  readonly mapEntries: Budget;
  term(name: string): Term;
  /** Puts a known tensor into the graph, broadcast to its whole shape or (`collapsed`) as small as it can be stored. */
  place(name: string, tensor: Constant, collapsed: boolean): Value;
  weight(name: string, tensor: Constant, form: WeightForm): Value;
  /** Whether the tensor is one of the model's weights, or made of them alone. */
  isWeight(name: string): boolean;
  isRead(name: string): boolean;
  isTruth(value: Value): boolean;
  markTruth(value: Value): Value;
  /** The shape of a tensor at the batch size that the file fixes; undefined where it fixes none, or this is it. */
  referenceShape(name: string): Shape | undefined;
  readonly referenceBatch: number;
  /** Elements of a tensor's batch axis from one image to the next; more than 1 once the batch was merged with another axis. */
  innerOf(name: string): number;
  setInner(name: string, inner: number): void;
}

/** One node being turned into operations of the graph: its inputs, by position, and its attributes. */
export class Mapping {
  constructor(readonly node: NodeLabel & { readonly inputs: readonly string[]; readonly outputs: readonly string[] }, readonly attributes: Attributes, readonly surroundings: Surroundings) {}

  get builder(): GraphBuilder { return this.surroundings.builder; }
  get opset(): number { return this.surroundings.opset; }
  get count(): number { return this.node.inputs.length; }
  /** Whether the node reads the input: trailing inputs may be missing, others have the name "". */
  has(input: number): boolean { return (this.node.inputs[input] ?? "") !== ""; }
  /** Whether anything reads the output. */
  makes(output: number): boolean {
    const name = this.node.outputs[output] ?? "";
    return name !== "" && this.surroundings.isRead(name);
  }

  term(input: number): Term { return this.surroundings.term(this.#name(input)); }

  /** The input as a value of the graph, whole. */
  value(input: number): Value { return this.#placed(input, false); }
  /** The same for operations that broadcast. */
  broadcastable(input: number): Value { return this.#placed(input, true); }

  shape(input: number): Shape {
    const term = this.term(input);
    return isConstant(term) ? term.shape : this.builder.shapeOf(term);
  }

  /** The input's values if they are known at import; undefined when it is left out. @throws AppError MODEL_UNSUPPORTED when they depend on the image. */
  constant(input: number): Constant | undefined {
    if (!this.has(input)) return undefined;
    const term = this.term(input);
    if (!isConstant(term)) throw this.refused(`input ${input} to be known at import`, "one that depends on the image", "export the model with constant shapes and parameters");
    return term;
  }

  /** The same as a list; where the input is left out, the attribute that older opsets had in its place. */
  numbers(input: number, attribute?: string): number[] | undefined {
    const constant = this.constant(input);
    if (constant) return Array.from(constant.data);
    return attribute === undefined ? undefined : this.attributes.ints(attribute);
  }

  /** A single known number. */
  scalar(input: number): number | undefined {
    const constant = this.constant(input);
    if (constant !== undefined && constant.data.length !== 1) throw this.refused(`input ${input} to be one number`, `[${constant.shape.join(", ")}]`, "export the model again");
    return constant?.data[0];
  }

  /** Weights of the model, which keep their name. */
  weight(input: number, form: (shape: Shape) => WeightForm): Value {
    const name = this.#name(input);
    const tensor = this.constant(input)!;
    return this.surroundings.weight(name, tensor, form(tensor.shape));
  }

  isKnown(input: number): boolean { return this.has(input) && isConstant(this.term(input)); }
  isWeight(input: number): boolean { return this.surroundings.isWeight(this.#name(input)); }
  isTruth(input: number): boolean {
    const term = this.term(input);
    return isConstant(term) ? term.type === "bool" : this.surroundings.isTruth(term);
  }

  refused(expected: string, got: string, remedy: string): Error { return unsupported(this.node, `expected ${expected}, got ${got}; ${remedy}`); }

  #placed(input: number, collapsed: boolean): Value {
    const name = this.#name(input);
    const term = this.surroundings.term(name);
    return isConstant(term) ? this.surroundings.place(name, term, collapsed) : term;
  }

  #name(input: number): string {
    if (!this.has(input)) throw this.refused(`an input number ${input}`, "none", "export the model again");
    return this.node.inputs[input]!;
  }
}

/** Turns a node into operations of the graph; the outputs in order. */
export type Operator = (mapping: Mapping) => Term | readonly Term[];
