import type { ArithmeticFunction, BinaryFunction, CompareFunction } from "../../../../engine/graph/operations/broadcast.ts";
import type { Translations } from "./translation.ts";
import { TO_BOOL, TO_FLOAT } from "./cast-types.ts";

const ARITHMETIC: Readonly<Record<ArithmeticFunction, string>> = { add: "Add", sub: "Sub", mul: "Mul", div: "Div", pow: "Pow", max: "Max", min: "Min" };
const COMPARISONS: Readonly<Record<Exclude<CompareFunction, "and" | "or" | "xor">, string>> = { equal: "Equal", less: "Less", lessOrEqual: "LessOrEqual", greater: "Greater", greaterOrEqual: "GreaterOrEqual" };
const LOGIC: Readonly<Record<"and" | "or" | "xor", string>> = { and: "And", or: "Or", xor: "Xor" };
const REDUCTIONS = { sum: "ReduceSum", mean: "ReduceMean", max: "ReduceMax" } as const;

/** Operations of two or three tensors that broadcast, and reductions. Truth values are floats in the graph. */
export const broadcast = {
  binary: ({ writer, operation: { fn }, inputs, output }) => {
    if (isArithmetic(fn)) { writer.node(ARITHMETIC[fn], inputs, {}, output); return; }
    const truth = fn in LOGIC ? writer.node(LOGIC[fn as keyof typeof LOGIC], inputs.map((x) => writer.node("Cast", [x], { to: TO_BOOL }))) : writer.node(COMPARISONS[fn as keyof typeof COMPARISONS], inputs);
    writer.node("Cast", [truth], { to: TO_FLOAT }, output);
  },
  where: ({ writer, inputs: [condition, a, b], output }) => { writer.node("Where", [writer.node("Cast", [condition!], { to: TO_BOOL }), a!, b!], {}, output); },
  // ReduceSum takes its axes as an input since opset 13, the others since 18.
  reduce: ({ writer, operation: { fn, axes }, inputs: [x], output }) => {
    if (fn === "sum") writer.node(REDUCTIONS[fn], [x!, writer.integers(axes)], { keepdims: 1 }, output);
    else writer.node(REDUCTIONS[fn], [x!], { axes, keepdims: 1 }, output);
  },
} as const satisfies Translations;

function isArithmetic(fn: BinaryFunction): fn is ArithmeticFunction { return fn in ARITHMETIC; }
