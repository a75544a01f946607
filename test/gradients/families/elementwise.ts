import type { UnaryFunction } from "../../../services/engine/graph/operations/elementwise.ts";
import { operatorNetwork } from "./operator-network.ts";

/** Smooth around 0 or with a kink that no test value is near. */
const anywhere: readonly UnaryFunction[] = [
  { name: "neg" }, { name: "abs" }, { name: "exp" }, { name: "sigmoid" }, { name: "tanh" }, { name: "erf" }, { name: "sin" }, { name: "cos" }, { name: "softplus" }, { name: "hardSwish" },
  { name: "affine", scale: -1.5, shift: 0.25 }, { name: "clip", min: -0.5, max: 0.75 }, { name: "clip", min: 0, max: Infinity }, { name: "clamp", min: -0.4, max: Infinity }, { name: "leakyRelu", slope: 0.1 }, { name: "elu", alpha: 1.3 },
  { name: "selu", alpha: 1.6732632423543772, gamma: 1.0507009873554805 }, { name: "celu", alpha: 0.7 }, { name: "hardSigmoid", alpha: 0.3, beta: 0.45 },
  { name: "gelu", approximate: "none" }, { name: "gelu", approximate: "tanh" }, { name: "pow", exponent: 3 },
];
const positive: readonly UnaryFunction[] = [{ name: "sqrt" }, { name: "log" }, { name: "reciprocal" }, { name: "pow", exponent: -1.7 }, { name: "pow", exponent: -2 }];

const describeFn = (fn: UnaryFunction): string => Object.values(fn).join(" ");

export const elementwiseNetworks = [
  // 3 channels: lanes of padding, which must stay 0 where f(0) is not.
  ...anywhere.map((fn) => operatorNetwork(`${describeFn(fn)} after a convolution`, [2, 3, 3], (s, x) => s.conv(s.builder.unary(fn, s.conv(x, 3, 1, { bias: true })), 2, 1))),
  ...positive.map((fn) => operatorNetwork(`${describeFn(fn)} of what is positive`, [2, 3, 3], (s, x) => s.builder.unary(fn, s.builder.unary({ name: "affine", scale: 1, shift: 0.3 }, s.builder.unary({ name: "sigmoid" }, s.conv(x, 3, 1)))))),
  operatorNetwork("steps beside what passes", [2, 3, 3], ({ builder: b }, x) => ["floor", "ceil", "round", "sign", "not"].reduce((sum, name) => b.add(sum, b.unary({ name } as UnaryFunction, x)), x)),
  operatorNetwork("a function of the image itself", [3, 3, 2], (s, x) => s.conv(s.builder.unary({ name: "affine", scale: 2, shift: -1 }, x), 4, 2), { normalised: false }),
  operatorNetwork("a function of a parameter", [2, 3, 3], ({ builder: b }, x) => b.batchNorm(x, b.unary({ name: "exp" }, b.parameter("log gamma", [2], { kind: "constant", value: 0 })), b.parameter("beta", [2], { kind: "constant", value: 0 }), b.state("mean", [2], 0), b.state("variance", [2], 1))),
];
