import type { Shape, Value } from "../../../../engine/graph/graph.ts";
import type { Mapping, Operator, WeightForm } from "../mapping.ts";
import { vectorForm } from "./convolution.ts";

const linearForm = (transposed: boolean) => (shape: Shape): WeightForm => {
  if (transposed) return { shape };
  const [f, k] = shape as [number, number];
  return { shape: [k, f], arranged: { how: "transposed", values: (data) => Float32Array.from({ length: f * k }, (_, i) => data[(i % f) * k + Math.floor(i / f)]!) } };
};

/** α·A′·B′ + β·C; PyTorch's linear layers are A·Bᵀ + C with a vector C. */
const gemm: Operator = (mapping) => {
  const { attributes, builder } = mapping;
  const [alpha, beta] = [attributes.float("alpha", 1), attributes.float("beta", 1)];
  const [transA, transB] = [attributes.flag("transA", false), attributes.flag("transB", false)];
  for (const input of [0, 1]) if (mapping.shape(input).length !== 2) throw mapping.refused(`a matrix as input ${input}`, `[${mapping.shape(input).join(", ")}]`, "export the model again");
  if (alpha === 1 && beta === 1 && !transA && !mapping.isKnown(0) && mapping.isKnown(1)) {
    const features = mapping.shape(1)[transB ? 0 : 1]!;
    const vector = mapping.has(2) && mapping.isKnown(2) && mapping.shape(2).join().replace(/^1,/, "") === String(features);
    if (vector || !mapping.has(2)) return builder.linear(mapping.value(0), mapping.weight(1, linearForm(transB)), vector ? mapping.weight(2, vectorForm) : undefined);
  }
  const turned = (x: Value, transposed: boolean): Value => (transposed ? builder.transpose(x, [1, 0]) : x);
  const product = scaled(mapping, builder.matMul(turned(mapping.value(0), transA), turned(mapping.value(1), transB)), alpha);
  return mapping.has(2) ? builder.binary("add", product, scaled(mapping, mapping.broadcastable(2), beta)) : product;
};

function scaled({ builder }: Mapping, x: Value, factor: number): Value {
  return factor === 1 ? x : builder.unary({ name: "affine", scale: factor, shift: 0 }, x);
}

const matMul: Operator = (mapping) => {
  const [a, b] = [mapping.shape(0), mapping.shape(1)];
  if (a.length < 2 || b.length < 2) throw mapping.refused("matrices", `[${a.join(", ")}] and [${b.join(", ")}]`, "unsqueeze vectors before they are multiplied");
  if (a.length === 2 && b.length === 2 && !mapping.isKnown(0) && mapping.isKnown(1)) return mapping.builder.linear(mapping.value(0), mapping.weight(1, linearForm(false)));
  return mapping.builder.matMul(mapping.value(0), mapping.value(1));
};

export const linearOperators: Readonly<Record<string, Operator>> = { Gemm: gemm, MatMul: matMul };
