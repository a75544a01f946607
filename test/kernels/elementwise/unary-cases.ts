import type { UnaryFunction } from "../../../services/engine/graph/operations/elementwise.ts";
import { uniform } from "../../support/random.ts";

export interface UnaryCase { readonly fn: UnaryFunction; /** Test values: the whole domain that networks use, its edges and kinks among them. */ x(n: number): Float64Array }

/** In ±reach, with 0, ±0.5, ±3 and both ends first. */
const around = (reach: number) => (n: number): Float64Array => Float64Array.from(uniform(n, n, reach), (v, i) => [0, 0.5, -0.5, 3, -3, reach, -reach, 1.5, 2.5, -1.5][i] ?? v);
const positive = (n: number): Float64Array => uniform(n, n, 4).map((v) => Math.fround(Math.abs(v) + 0.01));

const unbounded = (...fns: readonly UnaryFunction[]): UnaryCase[] => fns.map((fn) => ({ fn, x: around(6) }));

/** Every function; far out where a careless formula would overflow. */
export const unaryCases: readonly UnaryCase[] = [
  ...unbounded(
    { name: "neg" }, { name: "abs" }, { name: "exp" }, { name: "floor" }, { name: "ceil" }, { name: "round" }, { name: "sign" }, { name: "sin" }, { name: "cos" }, { name: "not" }, { name: "hardSwish" },
    { name: "affine", scale: -2.5, shift: 0.75 }, { name: "clip", min: -1, max: 3 }, { name: "clip", min: -Infinity, max: 0.5 }, { name: "clamp", min: -1, max: 3 }, { name: "leakyRelu", slope: 0.01 },
    { name: "hardSigmoid", alpha: 0.2, beta: 0.5 }, { name: "pow", exponent: 2 }, { name: "pow", exponent: 3 }, { name: "pow", exponent: 0 }, { name: "pow", exponent: 1 },
  ),
  ...([
    { name: "sigmoid" }, { name: "tanh" }, { name: "erf" }, { name: "softplus" }, { name: "elu", alpha: 1.5 }, { name: "selu", alpha: 1.6732632423543772, gamma: 1.0507009873554805 }, { name: "celu", alpha: 0.5 },
    { name: "gelu", approximate: "none" }, { name: "gelu", approximate: "tanh" },
  ] satisfies UnaryFunction[]).map((fn) => ({ fn, x: around(100) })),
  ...([{ name: "sqrt" }, { name: "log" }, { name: "reciprocal" }, { name: "pow", exponent: 0.5 }, { name: "pow", exponent: -1 }, { name: "pow", exponent: 2.2 }, { name: "pow", exponent: 9 }] satisfies UnaryFunction[]).map((fn) => ({ fn, x: positive })),
  { fn: { name: "pow", exponent: 9 }, x: (n) => uniform(n, n, 1.5) }, // odd, whole, and past what products do
];

export function describeFunction(fn: UnaryFunction): string { return Object.values(fn).join(" "); }
