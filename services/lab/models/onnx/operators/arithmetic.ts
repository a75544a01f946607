import type { Value } from "../../../../engine/graph/graph.ts";
import type { UnaryFunction } from "../../../../engine/graph/operations/elementwise.ts";
import type { ArithmeticFunction, CompareFunction } from "../../../../engine/graph/operations/broadcast.ts";
import type { Mapping, Operator } from "../mapping.ts";
import { elementType, typeName } from "../tensor-data.ts";

/** Functions without parameters. */
type Plain = UnaryFunction extends infer F ? F extends { readonly name: infer N } ? (keyof F extends "name" ? N : never) : never : never;

const unary = (name: Plain): Operator => (mapping) => mapping.builder.unary({ name }, mapping.value(0));
const withAttributes = (fn: (mapping: Mapping) => UnaryFunction): Operator => (mapping) => mapping.builder.unary(fn(mapping), mapping.value(0));

const binary = (fn: ArithmeticFunction): Operator => (mapping) => withNumber(mapping, fn) ?? mapping.builder.binary(fn, mapping.broadcastable(0), mapping.broadcastable(1));

/** A tensor and one number that is no weight of the model: scale·x + shift. */
function withNumber(mapping: Mapping, fn: ArithmeticFunction): Value | undefined {
  const right = numberOf(mapping, 1);
  if (right !== undefined) {
    const line = { add: [1, right], sub: [1, -right], mul: [right, 0], div: [1 / right, 0] }[fn as string];
    return line && mapping.builder.unary({ name: "affine", scale: line[0]!, shift: line[1]! }, mapping.value(0));
  }
  const left = numberOf(mapping, 0);
  const line = left === undefined ? undefined : { add: [1, left], sub: [-1, left], mul: [left, 0] }[fn as string];
  return line && mapping.builder.unary({ name: "affine", scale: line[0]!, shift: line[1]! }, mapping.value(1));
}

function numberOf(mapping: Mapping, input: number): number | undefined {
  if (!mapping.isKnown(input) || mapping.isWeight(input) || mapping.isKnown(1 - input)) return undefined;
  const { shape, data } = mapping.constant(input)!;
  return data.length === 1 && shape.length <= mapping.shape(1 - input).length ? data[0] : undefined;
}

/** Sum, Min and Max take any number of tensors. */
const variadic = (fn: ArithmeticFunction): Operator => (mapping) => {
  let y = mapping.broadcastable(0);
  for (let i = 1; i < mapping.count; i++) y = mapping.builder.binary(fn, y, mapping.broadcastable(i));
  return y;
};

const power: Operator = (mapping) => {
  const exponent = mapping.isKnown(1) && mapping.constant(1)!.data.length === 1 ? mapping.scalar(1) : undefined;
  return exponent === undefined ? binary("pow")(mapping) : mapping.builder.unary({ name: "pow", exponent }, mapping.value(0));
};

const clip: Operator = (mapping) => {
  const { attributes, builder, opset } = mapping;
  const min = (opset < 11 ? attributes.float("min") : mapping.scalar(1)) ?? -Infinity;
  const max = (opset < 11 ? attributes.float("max") : mapping.scalar(2)) ?? Infinity;
  // PyTorch writes torch.clamp so, whose gradient passes at the bounds, where images have many pixels; and ReLU6, whose does not.
  const name = min === 0 && max === 6 ? "clip" : "clamp";
  return builder.unary({ name, min: Math.min(min, max), max }, mapping.value(0));
};

const compare = (fn: CompareFunction): Operator => (mapping) => mapping.surroundings.markTruth(mapping.builder.compare(fn, mapping.broadcastable(0), mapping.broadcastable(1)));

/** Truth values are 0 and 1 already; floats of every width are f32. */
const cast: Operator = (mapping) => {
  const to = mapping.attributes.int("to", 0);
  mapping.attributes.ignore("saturate", "round_mode");
  const type = elementType(to);
  const x = mapping.value(0);
  if (type === "float" || (type === "bool" && mapping.isTruth(0))) return x;
  if (type === "bool") return mapping.surroundings.markTruth(mapping.builder.unary({ name: "not" }, mapping.builder.unary({ name: "not" }, x)));
  if (type === "int" && mapping.isTruth(0)) return x;
  throw mapping.refused("a cast to floats or truth values", `one of a tensor that depends on the image to ${typeName(to)}`, "the cast has no gradient; take it out of the model");
};

const where: Operator = (mapping) => mapping.builder.where(mapping.broadcastable(0), mapping.broadcastable(1), mapping.broadcastable(2));

const softsign: Operator = (mapping) => {
  const { builder } = mapping;
  const x = mapping.value(0);
  return builder.binary("div", x, builder.unary({ name: "affine", scale: 1, shift: 1 }, builder.unary({ name: "abs" }, x)));
};

const mish: Operator = (mapping) => {
  const x = mapping.value(0);
  return mapping.builder.binary("mul", x, mapping.builder.unary({ name: "tanh" }, mapping.builder.unary({ name: "softplus" }, x)));
};

export const arithmeticOperators: Readonly<Record<string, Operator>> = {
  Add: binary("add"), Sub: binary("sub"), Mul: binary("mul"), Div: binary("div"), Pow: power,
  Sum: variadic("add"), Max: variadic("max"), Min: variadic("min"),
  Neg: unary("neg"), Abs: unary("abs"), Sqrt: unary("sqrt"), Exp: unary("exp"), Log: unary("log"), Reciprocal: unary("reciprocal"), Erf: unary("erf"),
  Floor: unary("floor"), Ceil: unary("ceil"), Round: unary("round"), Sign: unary("sign"), Sin: unary("sin"), Cos: unary("cos"),
  Sigmoid: unary("sigmoid"), Tanh: unary("tanh"), Softplus: unary("softplus"), Softsign: softsign, Mish: mish, HardSwish: unary("hardSwish"),
  Relu: (mapping) => mapping.builder.relu(mapping.value(0)),
  PRelu: (mapping) => mapping.builder.prelu(mapping.value(0), mapping.broadcastable(1)),
  Clip: clip,
  LeakyRelu: withAttributes(({ attributes }) => ({ name: "leakyRelu", slope: attributes.float("alpha", 0.01) })),
  Elu: withAttributes(({ attributes }) => ({ name: "elu", alpha: attributes.float("alpha", 1) })),
  Celu: withAttributes(({ attributes }) => ({ name: "celu", alpha: attributes.float("alpha", 1) })),
  Selu: withAttributes(({ attributes }) => ({ name: "selu", alpha: attributes.float("alpha", 1.67326319217681884765625), gamma: attributes.float("gamma", 1.05070102214813232421875) })),
  HardSigmoid: withAttributes(({ attributes }) => ({ name: "hardSigmoid", alpha: attributes.float("alpha", 0.2), beta: attributes.float("beta", 0.5) })),
  Gelu: withAttributes(({ attributes }) => ({ name: "gelu", approximate: attributes.word("approximate", ["none", "tanh"], "none") })),
  Equal: compare("equal"), Less: compare("less"), LessOrEqual: compare("lessOrEqual"), Greater: compare("greater"), GreaterOrEqual: compare("greaterOrEqual"),
  And: compare("and"), Or: compare("or"), Xor: compare("xor"),
  Not: (mapping) => mapping.surroundings.markTruth(mapping.builder.unary({ name: "not" }, mapping.value(0))),
  Cast: cast, Where: where,
};
