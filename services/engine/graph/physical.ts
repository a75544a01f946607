import { EngineError } from "../errors.ts";
import type { Graph, Node, Shape, Value } from "./graph.ts";
import { linearRows, packActivation, packConvWeight, packLinearWeight, packVector, pad4, unpackActivation, unpackConvWeight, unpackLinearWeight } from "./layout.ts";

/** [c, h, w] of the activation that a row of features was flattened from; [f, 1, 1] when it never had pixels. */
export type Spatial = readonly [c: number, h: number, w: number];

/** Which of the forms of graph/layout.ts a value takes in GPU memory. */
export type Layout =
  | { readonly kind: "image" }
  | { readonly kind: "activation" }
  | { readonly kind: "features"; readonly spatial: Spatial }
  | { readonly kind: "perImage" }
  | { readonly kind: "vector" }
  | { readonly kind: "convWeight"; readonly groups: number }
  | { readonly kind: "linearWeight"; readonly spatial: Spatial };

/**
 * The layout of every value, by index. Activations follow from the operation; a parameter's follows from what reads it
 * (a linear weight's rows are ordered as the flattened activation that it multiplies).
 *
 * @throws EngineError SHAPE_MISMATCH when two readers want one parameter differently, a parameter has no reader, the image
 *   is read by anything but `normalise`, or operands of one operation lie differently.
 */
export function layoutsOf(graph: Graph): readonly Layout[] {
  const inference = new Inference(graph);
  graph.nodes.forEach((_, i) => inference.visit(i as Value));
  return graph.nodes.map((node, i) => inference.layouts[i] ?? unused(node));
}

const VECTOR: Layout = { kind: "vector" };
const ACTIVATION: Layout = { kind: "activation" };

class Inference {
  readonly layouts: (Layout | undefined)[];
  constructor(readonly graph: Graph) { this.layouts = new Array<Layout | undefined>(graph.nodes.length).fill(undefined); }

  visit(value: Value): void {
    const { inputs } = this.graph.nodes[value]!;
    const layout = this.#output(value, this.graph.nodes[value]!, inputs);
    if (layout) this.layouts[value] = layout;
  }

  #output(value: Value, { operation, shape }: Node, [a, b, ...rest]: readonly Value[]): Layout | undefined {
    switch (operation.op) {
      case "image": return { kind: "image" };
      case "labels": case "seed": case "softmaxCrossEntropy": case "selectLogit": return { kind: "perImage" };
      case "parameter": case "state": case "frozen": return undefined; // its readers say
      case "normalise": this.#expect(value, a!, { kind: "image" }); return ACTIVATION;
      case "normaliseGrad": this.#expect(value, a!, ACTIVATION); return { kind: "image" };
      case "conv2d": case "conv2dGradInput":
        this.#expect(value, a!, ACTIVATION);
        this.#expect(value, b!, { kind: "convWeight", groups: operation.groups });
        for (const bias of rest) this.#expect(value, bias, VECTOR);
        return ACTIVATION;
      case "conv2dGradWeight":
        for (const operand of [a!, b!]) this.#expect(value, operand, ACTIVATION);
        return { kind: "convWeight", groups: operation.groups };
      case "foldWeight": {
        const layout: Layout = { kind: "convWeight", groups: operation.groups };
        this.#expect(value, a!, layout);
        for (const vector of [b!, ...rest]) this.#expect(value, vector, VECTOR);
        return layout;
      }
      case "foldBias": for (const vector of [a!, b!, ...rest]) this.#expect(value, vector, VECTOR); return VECTOR;
      case "linear":
        this.#expect(value, b!, { kind: "linearWeight", spatial: this.#features(value, a!) });
        for (const bias of rest) this.#expect(value, bias, VECTOR);
        return plainFeatures(shape);
      case "linearGradInput": {
        const weight = this.layouts[b!];
        if (weight?.kind !== "linearWeight") throw this.#mismatch(value, b!, "linearWeight");
        return { kind: "features", spatial: weight.spatial };
      }
      case "linearGradWeight": return { kind: "linearWeight", spatial: this.#features(value, a!) };
      case "biasGrad": case "batchNormGradBeta": return VECTOR;
      case "batchNorm": case "batchNormGradInput": case "batchNormGradGamma":
        return this.#batchNorm(value, operation.op, [a!, b!, ...rest]);
      case "relu": return this.#layoutOf(value, a!);
      case "add": case "reluGrad": this.#expect(value, b!, this.#layoutOf(value, a!)); return this.#layoutOf(value, a!);
      case "maxPool": case "averagePool": case "globalAveragePool":
      case "maxPoolGrad": case "averagePoolGrad": case "globalAveragePoolGrad": this.#expect(value, a!, ACTIVATION); return ACTIVATION;
      case "flatten": this.#expect(value, a!, ACTIVATION); return { kind: "features", spatial: this.graph.nodes[a!]!.shape.slice(1) as unknown as Spatial };
      case "unflatten": this.#expect(value, a!, { kind: "features", spatial: shape.slice(1) as unknown as Spatial }); return ACTIVATION;
      case "softmaxCrossEntropyGrad": case "selectLogitGrad": return plainFeatures(shape);
    }
  }

  #batchNorm(value: Value, op: "batchNorm" | "batchNormGradInput" | "batchNormGradGamma", inputs: readonly Value[]): Layout {
    const activations = op === "batchNorm" ? 1 : 2; // x, or dy and x
    inputs.forEach((input, i) => { this.#expect(value, input, i < activations ? ACTIVATION : VECTOR); });
    return op === "batchNormGradGamma" ? VECTOR : ACTIVATION;
  }

  #features(value: Value, input: Value): Spatial {
    const layout = this.#layoutOf(value, input);
    if (layout.kind !== "features") throw this.#mismatch(value, input, "features");
    return layout.spatial;
  }

  #layoutOf(value: Value, input: Value): Layout {
    const layout = this.layouts[input];
    if (!layout) throw this.#mismatch(value, input, "a computed value");
    return layout;
  }

  /** Gives a parameter the layout that its reader wants; everything else must have it already. */
  #expect(value: Value, input: Value, wanted: Layout): void {
    this.layouts[input] ??= wanted;
    if (!sameLayout(this.layouts[input]!, wanted)) throw this.#mismatch(value, input, wanted.kind);
  }

  #mismatch(value: Value, input: Value, wanted: string): EngineError {
    const { op } = this.graph.nodes[value]!.operation;
    const from = this.graph.nodes[input]!.operation.op;
    return new EngineError("SHAPE_MISMATCH", `layout of ${op} (value ${value}): expected operand ${input} (${from}) as ${wanted}, got ${JSON.stringify(this.layouts[input])}`, { op, operand: from, wanted });
  }
}

export function sameLayout(a: Layout, b: Layout): boolean { return JSON.stringify(a) === JSON.stringify(b); }

/** What lies in memory, slowest axis first. */
export function physicalShape(layout: Layout, shape: Shape): readonly number[] {
  switch (layout.kind) {
    case "image": return [shape[0]!, shape[1]! * shape[2]! * shape[3]!];
    case "activation": return [shape[0]!, shape[2]!, shape[3]!, pad4(shape[1]!)];
    case "features": return [shape[0]!, rowLength(layout.spatial)];
    case "perImage": return shape;
    case "vector": return [pad4(shape[0]!)];
    case "convWeight": return [shape[2]! * shape[3]!, layout.groups === 1 ? pad4(shape[1]!) : shape[1]!, pad4(shape[0]!)];
    case "linearWeight": return [rowLength(layout.spatial), pad4(shape[0]!)];
  }
}

/** Physical length of one image's features. */
export function rowLength(spatial: Spatial): number { return linearRows(spatial[0] * spatial[1] * spatial[2], spatial); }

/** Logical (PyTorch) → physical, flat. */
export function pack(layout: Layout, shape: Shape, data: ArrayLike<number>): Float32Array {
  switch (layout.kind) {
    case "image": case "perImage": return Float32Array.from(data);
    case "activation": return packActivation(data, shape as unknown as [number, number, number, number]);
    case "features": return packActivation(data, [shape[0]!, ...layout.spatial]);
    case "vector": return packVector(data);
    case "convWeight": return packConvWeight(data, shape[0]!, shape[1]!, shape[2]!, shape[3]!, layout.groups);
    case "linearWeight": return packLinearWeight(data, shape[0]!, shape[1]!, layout.spatial);
  }
}

/** The inverse of `pack`; padding is dropped. */
export function unpack(layout: Layout, shape: Shape, data: ArrayLike<number>): Float32Array {
  switch (layout.kind) {
    case "image": case "perImage": return Float32Array.from(data);
    case "activation": return unpackActivation(data, shape as unknown as [number, number, number, number]);
    case "features": return unpackActivation(data, [shape[0]!, ...layout.spatial]);
    case "vector": return Float32Array.from({ length: shape[0]! }, (_, i) => data[i]!);
    case "convWeight": return unpackConvWeight(data, shape[0]!, shape[1]!, shape[2]!, shape[3]!, layout.groups);
    case "linearWeight": return unpackLinearWeight(data, shape[0]!, shape[1]!, layout.spatial);
  }
}

function plainFeatures(shape: Shape): Layout { return { kind: "features", spatial: [shape[1]!, 1, 1] }; }

function unused({ operation }: Node): never {
  const name = "name" in operation ? operation.name : operation.op;
  throw new EngineError("SHAPE_MISMATCH", `layout: expected every parameter to be read by an operation, ${name} is not`, { name });
}
