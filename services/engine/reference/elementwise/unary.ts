import type { UnaryFunction } from "../../graph/operations/elementwise.ts";
import { erf } from "./erf.ts";

/** y = f(x). @param x [n]. @returns [n]. */
export function unaryReference(fn: UnaryFunction, x: Float64Array): Float64Array { return x.map((v) => valueOf(fn, v)); }

const GELU_TANH = Math.sqrt(2 / Math.PI);

function valueOf(fn: UnaryFunction, x: number): number {
  switch (fn.name) {
    case "neg": return -x;
    case "abs": return Math.abs(x);
    case "sqrt": return Math.sqrt(x);
    case "exp": return Math.exp(x);
    case "log": return Math.log(x);
    case "sigmoid": return 1 / (1 + Math.exp(-x));
    case "tanh": return Math.tanh(x);
    case "erf": return erf(x);
    case "reciprocal": return 1 / x;
    case "floor": return Math.floor(x);
    case "ceil": return Math.ceil(x);
    case "round": return Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x);
    case "sign": return Math.sign(x);
    case "sin": return Math.sin(x);
    case "cos": return Math.cos(x);
    case "softplus": return Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0);
    case "not": return x === 0 ? 1 : 0;
    case "hardSwish": return x * Math.min(1, Math.max(0, x / 6 + 0.5));
    case "affine": return fn.scale * x + fn.shift;
    case "clip": case "clamp": return Math.min(fn.max, Math.max(fn.min, x));
    case "leakyRelu": return x > 0 ? x : fn.slope * x;
    case "elu": return x > 0 ? x : fn.alpha * Math.expm1(x);
    case "selu": return fn.gamma * (x > 0 ? x : fn.alpha * Math.expm1(x));
    case "celu": return x > 0 ? x : fn.alpha * Math.expm1(x / fn.alpha);
    case "hardSigmoid": return Math.min(1, Math.max(0, fn.alpha * x + fn.beta));
    case "gelu": return 0.5 * x * (1 + (fn.approximate === "none" ? erf(x / Math.SQRT2) : Math.tanh(GELU_TANH * (x + 0.044715 * x ** 3))));
    case "pow": return x ** fn.exponent;
  }
}
