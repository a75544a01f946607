import { mismatch, requireShape } from "../check.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import { attributes, type GradientRules, inputOf, shapeOfInput } from "../tape.ts";

/**
 * Functions of one number. `not` is 1 where x is 0 and 0 elsewhere; `round` takes halves to the even neighbour; `clip` has
 * gradient 0 at its bounds, as ReLU, ReLU6 and hardtanh have in PyTorch; `clamp` lets it through there, as torch.clamp does. floor, ceil, round, sign
 * and not change in steps: nothing flows back through them. log, sqrt, reciprocal and pow are the caller's promise that x
 * lies in their domain.
 */
export type UnaryFunction =
  | { readonly name: "neg" | "abs" | "sqrt" | "exp" | "log" | "sigmoid" | "tanh" | "erf" | "reciprocal" | "floor" | "ceil" | "round" | "sign" | "sin" | "cos" | "softplus" | "not" | "hardSwish" }
  | { readonly name: "affine"; readonly scale: number; readonly shift: number } // scale·x + shift
  | { readonly name: "clip" | "clamp"; readonly min: number; readonly max: number } // ±∞ for no bound
  | { readonly name: "leakyRelu"; readonly slope: number }
  | { readonly name: "elu"; readonly alpha: number }
  | { readonly name: "selu"; readonly alpha: number; readonly gamma: number }
  | { readonly name: "celu"; readonly alpha: number }
  | { readonly name: "hardSigmoid"; readonly alpha: number; readonly beta: number } // clip(α·x + β, 0, 1)
  | { readonly name: "gelu"; readonly approximate: "none" | "tanh" }
  | { readonly name: "pow"; readonly exponent: number };

export type ElementwiseOperation =
  | { readonly op: "relu" } // x
  | { readonly op: "add" } // a, b of one shape
  | { readonly op: "unary"; readonly fn: UnaryFunction } // x
  // gradients
  | { readonly op: "reluGrad" } // dy, y (the output of relu)
  | { readonly op: "unaryGrad"; readonly fn: UnaryFunction }; // dy, x

export function relu(graph: GraphBuilder, x: Value): Value { return graph.push({ op: "relu" }, [x], graph.shapeOf(x)); }

export function add(graph: GraphBuilder, a: Value, b: Value): Value {
  requireShape(graph, "add", b, graph.shapeOf(a));
  return graph.push({ op: "add" }, [a, b], graph.shapeOf(a));
}

export function unary(graph: GraphBuilder, fn: UnaryFunction, x: Value): Value {
  const numbers = Object.entries(fn).filter(([, v]) => typeof v === "number") as [string, number][];
  if (fn.name === "clip" || fn.name === "clamp") { if (!(fn.min <= fn.max)) throw mismatch(fn.name, "min ≤ max", [fn.min, fn.max]); }
  else if (!numbers.every(([, v]) => Number.isFinite(v))) throw mismatch(fn.name, "finite parameters", Object.fromEntries(numbers));
  if (fn.name === "celu" && fn.alpha === 0) throw mismatch("celu", "alpha other than 0", fn.alpha);
  return graph.push({ op: "unary", fn }, [x], graph.shapeOf(x));
}

/** Whether f(0) = 0: padding lanes, which are 0, stay so. */
export function keepsZero(fn: UnaryFunction): boolean {
  switch (fn.name) {
    case "exp": case "log": case "sigmoid": case "reciprocal": case "cos": case "softplus": case "not": case "hardSigmoid": return false;
    case "affine": return fn.shift === 0;
    case "clip": case "clamp": return fn.min <= 0 && fn.max >= 0;
    case "pow": return fn.exponent > 0;
    default: return true;
  }
}

const STEPS: ReadonlySet<UnaryFunction["name"]> = new Set(["floor", "ceil", "round", "sign", "not"]);

export const elementwiseGradients = {
  relu: [(tape, y, dy) => tape.push({ op: "reluGrad" }, [dy, y], shapeOfInput(tape, y, 0))],
  add: (_, __, dy) => dy,
  unary: [(tape, y, dy) => {
    const { fn } = attributes<"unary">(tape, y);
    return STEPS.has(fn.name) ? undefined : tape.push({ op: "unaryGrad", fn }, [dy, inputOf(tape, y, 0)], shapeOfInput(tape, y, 0));
  }],
} satisfies GradientRules;
