import { EngineError } from "../errors.ts";
import type { Graph, Node, OperationOf, Shape, Value } from "./graph.ts";
import { sameShape } from "./check.ts";
import { binaryKeepsZero } from "./operations/broadcast.ts";
import { keepsZero } from "./operations/elementwise.ts";
import { ACTIVATION, DENSE, isConvertible, isUnpadded, type Layout, plainFeatures, sameLayout, type Spatial, VECTOR } from "./physical.ts";

/** How every value of a graph lies, and what that asks of the plan. */
export interface Arrangement {
  /** By value. */
  readonly layouts: readonly Layout[];
  /** Reader → operand → the layout it reads that operand in, where it lies otherwise. */
  readonly conversions: ReadonlyMap<Value, ReadonlyMap<Value, Layout>>;
}

/** The layout of every value, by index. Errors as arrange. */
export function layoutsOf(graph: Graph): readonly Layout[] { return arrange(graph).layouts; }

/**
 * Decides how every value lies. Operations whose kernels know one layout return that; those that take any return that of
 * their operands; all others work on dense tensors. A parameter's layout follows from what reads it first (a linear
 * weight's rows are ordered as the flattened activation that it multiplies).
 *
 * @throws EngineError SHAPE_MISMATCH when a parameter has no reader, or a weight is read in a layout that it cannot be
 *   brought to.
 */
export function arrange(graph: Graph): Arrangement {
  const inference = new Inference(graph);
  graph.nodes.forEach((_, i) => inference.visit(i as Value));
  return { layouts: graph.nodes.map((node, i) => inference.layouts[i] ?? unused(node)), conversions: inference.conversions };
}

class Inference {
  readonly layouts: (Layout | undefined)[];
  readonly conversions = new Map<Value, Map<Value, Layout>>();
  constructor(readonly graph: Graph) { this.layouts = new Array<Layout | undefined>(graph.nodes.length).fill(undefined); }

  visit(value: Value): void {
    const node = this.graph.nodes[value]!;
    const layout = this.#output(value, node, node.inputs);
    if (layout) this.layouts[value] = layout;
  }

  #output(value: Value, { operation, shape }: Node, inputs: readonly Value[]): Layout | undefined {
    const [a, b, ...rest] = inputs as [Value, Value, ...Value[]];
    switch (operation.op) {
      case "parameter": case "state": case "frozen": return undefined; // its readers say
      case "image": case "labels": case "seed": return DENSE;
      case "softmaxCrossEntropy": case "selectLogit": this.#expect(value, a, plainFeatures(this.#shape(a))); return DENSE;
      case "softmaxCrossEntropyGrad": this.#expect(value, a, plainFeatures(shape)); return plainFeatures(shape);
      case "selectLogitGrad": return plainFeatures(shape);
      case "normalise": this.#expect(value, a, DENSE); return ACTIVATION;
      case "normaliseGrad": this.#expect(value, a, ACTIVATION); return DENSE;
      case "conv2d": case "convTranspose2d": case "conv2dGradInput":
        this.#expect(value, a, ACTIVATION);
        this.#expect(value, b, { kind: "convWeight", groups: operation.groups });
        return this.#all(value, rest, VECTOR, ACTIVATION);
      case "conv2dGradWeight": return this.#all(value, [a, b], ACTIVATION, { kind: "convWeight", groups: operation.groups });
      case "foldWeight": {
        const layout: Layout = { kind: "convWeight", groups: operation.groups };
        this.#expect(value, a, layout);
        return this.#all(value, [b, ...rest], VECTOR, layout);
      }
      case "foldBias": return this.#all(value, inputs, VECTOR, VECTOR);
      case "linear":
        this.#expect(value, b, { kind: "linearWeight", spatial: this.#features(value, a) });
        return this.#all(value, rest, VECTOR, plainFeatures(shape));
      case "linearGradInput": {
        const weight = this.layouts[b];
        if (weight?.kind !== "linearWeight") throw this.#mismatch(value, b, "linearWeight");
        this.#expect(value, a, plainFeatures(this.#shape(a)));
        return { kind: "features", spatial: weight.spatial };
      }
      case "linearGradWeight": this.#expect(value, b, plainFeatures(this.#shape(b))); return { kind: "linearWeight", spatial: this.#features(value, a) };
      case "biasGrad":
        if (this.#shape(a).length === 2) this.#features(value, a);
        else this.#expect(value, a, ACTIVATION);
        return VECTOR;
      case "batchNormGradBeta": this.#expect(value, a, ACTIVATION); return VECTOR;
      case "batchNorm": case "batchNormGradInput": case "batchNormGradGamma": return this.#batchNorm(value, operation.op, inputs);
      case "maxPool": case "averagePool": case "globalAveragePool":
      case "maxPoolGrad": case "averagePoolGrad": case "globalAveragePoolGrad": return this.#all(value, inputs, ACTIVATION, ACTIVATION);
      case "relu": case "add": case "reluGrad": case "unaryGrad": return this.#alike(value, inputs); // of zeros they make zeros, or padding lanes would not stay 0
      case "where": return this.#alike(value, inputs);
      case "binary": return inputs.every((input) => sameShape(this.#shape(input), shape)) ? this.#alike(value, inputs, binaryKeepsZero(operation.fn)) : this.#repeated(value, inputs);
      case "transpose": case "expand": case "reduce": this.#strided(value, inputs); return DENSE;
      case "unary": return this.#alike(value, inputs, keepsZero(operation.fn));
      case "flatten": {
        if (!this.#isActivation(a)) break;
        return { kind: "features", spatial: this.#shape(a).slice(1) as unknown as Spatial };
      }
      case "unflatten": {
        const flat: Layout = { kind: "features", spatial: shape.slice(1) as unknown as Spatial };
        if (!sameLayout(this.layouts[a] ?? flat, flat)) break;
        this.#expect(value, a, flat);
        return ACTIVATION;
      }
      case "concat": case "concatGrad": case "axisMap": return this.#along(value, operation, inputs);
    }
    return this.#all(value, inputs, DENSE, DENSE);
  }

  #batchNorm(value: Value, op: "batchNorm" | "batchNormGradInput" | "batchNormGradGamma", inputs: readonly Value[]): Layout {
    const activations = op === "batchNorm" ? 1 : 2; // x, or dy and x
    inputs.forEach((input, i) => { this.#expect(value, input, i < activations ? ACTIVATION : VECTOR); });
    return op === "batchNormGradGamma" ? VECTOR : ACTIVATION;
  }

  /** Elementwise: the result lies as the operands; where those differ, as the first that is not dense. `anyLanes`: padding lanes stay 0. */
  #alike(value: Value, inputs: readonly Value[], anyLanes = true): Layout {
    const layouts = inputs.map((input) => this.layouts[input]).filter((layout) => layout !== undefined);
    const common = layouts.find(({ kind }) => kind !== "dense") ?? DENSE;
    const chosen = anyLanes || isUnpadded(common, this.graph.nodes[value]!.shape) ? common : DENSE;
    return this.#all(value, inputs, chosen, chosen);
  }

  /** Broadcasting: an activation stays one where it has no padding lanes, which would not stay 0. */
  #repeated(value: Value, inputs: readonly Value[]): Layout {
    const shape = this.#shape(value);
    this.#strided(value, inputs);
    return inputs.some((input) => this.#isActivation(input)) && shape.length === 4 && shape[1]! % 4 === 0 ? ACTIVATION : DENSE;
  }

  /** Kernels that read by strides take activations as they lie, and anything else dense. */
  #strided(value: Value, inputs: readonly Value[]): void {
    for (const input of inputs) if (!this.#isActivation(input)) this.#expect(value, input, DENSE);
  }

  /** What moves numbers along one axis does so in activations, too, where that does not tear their fours of channels. */
  #along(value: Value, { axis }: OperationOf<"concat" | "concatGrad" | "axisMap">, inputs: readonly Value[]): Layout {
    const shapes = [value, ...inputs].map((each) => this.#shape(each));
    const whole = axis !== 1 || shapes.every((shape) => shape[1]! % 4 === 0);
    const layout = whole && inputs.some((input) => this.#isActivation(input)) ? ACTIVATION : DENSE;
    return this.#all(value, inputs, layout, layout);
  }

  /** [c, h, w] of the features that a linear layer reads. Anything else becomes plain ones. */
  #features(value: Value, input: Value): Spatial {
    const known = this.layouts[input];
    const layout = known?.kind === "features" ? known : plainFeatures(this.#shape(input)) as Layout & { kind: "features" };
    this.#expect(value, input, layout);
    return layout.spatial;
  }

  #all(value: Value, inputs: readonly Value[], wanted: Layout, output: Layout): Layout {
    for (const input of inputs) this.#expect(value, input, wanted);
    return output;
  }

  /** Gives a parameter the layout that its first reader wants; anything else that lies otherwise is to be converted. */
  #expect(value: Value, input: Value, wanted: Layout): void {
    const known = (this.layouts[input] ??= wanted);
    if (sameLayout(known, wanted)) return;
    if (!isConvertible(known, wanted, this.#shape(input))) throw this.#mismatch(value, input, wanted.kind);
    this.conversions.set(value, (this.conversions.get(value) ?? new Map<Value, Layout>()).set(input, wanted));
  }

  #shape(value: Value): Shape { return this.graph.nodes[value]!.shape; }
  #isActivation(value: Value): boolean { return this.layouts[value]?.kind === "activation"; }

  #mismatch(value: Value, input: Value, wanted: string): EngineError {
    const { op } = this.graph.nodes[value]!.operation;
    const from = this.graph.nodes[input]!.operation.op;
    return new EngineError("SHAPE_MISMATCH", `layout of ${op} (value ${value}): expected operand ${input} (${from}) as ${wanted}, got ${JSON.stringify(this.layouts[input])}`, { op, operand: from, wanted });
  }
}

function unused({ operation }: Node): never {
  const name = "name" in operation ? operation.name : operation.op;
  throw new EngineError("SHAPE_MISMATCH", `layout: expected every parameter to be read by an operation, ${name} is not`, { name });
}
