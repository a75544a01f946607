import type { UnaryFunction } from "../../graph/operations/elementwise.ts";
import { erf } from "./erf.ts";

/** dx = f'(x)·dy, 0 where dy is 0, whatever f' is there. @param dy, x [n]. @returns [n]. */
export function unaryGradReference(fn: UnaryFunction, dy: Float64Array, x: Float64Array): Float64Array {
  return dy.map((d, i) => (d === 0 ? 0 : slopeOf(fn, x[i]!) * d));
}

const GELU_TANH = Math.sqrt(2 / Math.PI);

function slopeOf(fn: UnaryFunction, x: number): number {
  switch (fn.name) {
    case "neg": return -1;
    case "abs": return Math.sign(x);
    case "sqrt": return 0.5 / Math.sqrt(x);
    case "exp": return Math.exp(x);
    case "log": return 1 / x;
    case "sigmoid": return sigmoid(x) * sigmoid(-x);
    case "tanh": return 1 - Math.tanh(x) ** 2;
    case "erf": return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x);
    case "reciprocal": return -1 / (x * x);
    case "floor": case "ceil": case "round": case "sign": case "not": return 0;
    case "sin": return Math.cos(x);
    case "cos": return -Math.sin(x);
    case "softplus": return sigmoid(x);
    case "hardSwish": return x < -3 ? 0 : x <= 3 ? x / 3 + 0.5 : 1;
    case "affine": return fn.scale;
    case "clip": return x > fn.min && x < fn.max ? 1 : 0;
    case "clamp": return x >= fn.min && x <= fn.max ? 1 : 0;
    case "leakyRelu": return x > 0 ? 1 : fn.slope;
    case "elu": return x > 0 ? 1 : fn.alpha * Math.exp(x);
    case "selu": return fn.gamma * (x > 0 ? 1 : fn.alpha * Math.exp(x));
    case "celu": return x > 0 ? 1 : Math.exp(x / fn.alpha);
    case "hardSigmoid": return fn.alpha * x + fn.beta > 0 && fn.alpha * x + fn.beta < 1 ? fn.alpha : 0;
    case "gelu": return fn.approximate === "none" ? 0.5 * (1 + erf(x / Math.SQRT2)) + (x * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI) : tanhGeluSlope(x);
    case "pow": return fn.exponent === 0 ? 0 : fn.exponent * x ** (fn.exponent - 1);
  }
}

function sigmoid(x: number): number { return 1 / (1 + Math.exp(-x)); }

function tanhGeluSlope(x: number): number {
  const t = Math.tanh(GELU_TANH * (x + 0.044715 * x ** 3));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * GELU_TANH * (1 + 3 * 0.044715 * x * x);
}
