import { EngineError } from "../../errors.ts";
import type { UnaryFunction } from "../../graph/operations/elementwise.ts";
import { MAX_F32 } from "../image-space.ts";

/** How shaders/lib/unary.wgsl knows a function: its number there, and its parameters. */
export interface UnaryCode { readonly FN: number; readonly p0: number; readonly p1: number; readonly p2: number }

/** Numbers of the functions without parameters, and of those that have some in `unaryCode`. */
const PLAIN = ["neg", "abs", "sqrt", "exp", "log", "sigmoid", "tanh", "erf", "reciprocal", "floor", "ceil", "round", "sign", "sin", "cos", "softplus", "not", "hardSwish"] as const;

/** @throws EngineError VALUE_RANGE for a parameter that no f32 is. */
export function unaryCode(kernel: string, fn: UnaryFunction): UnaryCode {
  const code = codeOf(fn);
  const bad = [code.p0, code.p1, code.p2].find((p) => !(Math.abs(p) <= MAX_F32));
  if (bad !== undefined) throw new EngineError("VALUE_RANGE", `${kernel}: expected finite parameters of ${fn.name}, got ${bad}`, { kernel, fn: fn.name });
  return code;
}

function codeOf(fn: UnaryFunction): UnaryCode {
  const code = (FN: number, p0 = 0, p1 = 0, p2 = 0): UnaryCode => ({ FN, p0, p1, p2 });
  switch (fn.name) {
    case "affine": return code(18, fn.scale, fn.shift);
    case "clip": case "clamp": return code(19, Math.max(fn.min, -MAX_F32), Math.min(fn.max, MAX_F32), Number(fn.name === "clamp"));
    case "leakyRelu": return code(20, fn.slope);
    case "elu": return code(21, fn.alpha, 1, 1);
    case "selu": return code(21, fn.alpha, fn.gamma, 1);
    case "celu": return code(21, fn.alpha, 1, 1 / fn.alpha);
    case "hardSigmoid": return code(22, fn.alpha, fn.beta);
    case "gelu": return code(fn.approximate === "none" ? 23 : 24);
    case "pow": return code(25, fn.exponent);
    default: return code(PLAIN.indexOf(fn.name));
  }
}
