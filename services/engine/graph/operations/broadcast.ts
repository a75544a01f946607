import { elements } from "../../gpu/tensor.ts";
import { mismatch, requireAxis, sameShape } from "../check.ts";
import type { GraphBuilder, Operation, Shape, Value } from "../graph.ts";
import { attributes, type GradientRule, type GradientRules, inputOf, shapeOfInput, type Tape } from "../tape.ts";
import { relu } from "./elementwise.ts";

export type ArithmeticFunction = "add" | "sub" | "mul" | "div" | "pow" | "max" | "min";
/** Of truth values and to truth values; what is not 0 is true. */
export type CompareFunction = "equal" | "less" | "lessOrEqual" | "greater" | "greaterOrEqual" | "and" | "or" | "xor";
export type BinaryFunction = ArithmeticFunction | CompareFunction;
export type ReduceFunction = "sum" | "mean" | "max";

export type BroadcastOperation =
  | { readonly op: "binary"; readonly fn: BinaryFunction } // a, b of shapes that broadcast as NumPy's
  | { readonly op: "where" } // condition, a, b of one shape
  | { readonly op: "reduce"; readonly fn: ReduceFunction; readonly axes: readonly number[] } // x → the axes as sides of 1
  // gradients
  | { readonly op: "reduceMaxGrad"; readonly axes: readonly number[] }; // dy, x, y

/** NumPy's broadcasting. pow is the caller's promise that a ≥ 0 or b is whole; div, that b is not 0. */
export function binary(graph: GraphBuilder, fn: ArithmeticFunction, a: Value, b: Value): Value { return combine(graph, fn, [a, graph.shapeOf(a)], [b, graph.shapeOf(b)]); }

/** 1 where it holds, else 0, broadcasting as binary. Nothing flows back through it. */
export function compare(graph: GraphBuilder, fn: CompareFunction, a: Value, b: Value): Value { return combine(graph, fn, [a, graph.shapeOf(a)], [b, graph.shapeOf(b)]); }

/** a where the condition is not 0, else b; all three broadcast. Nothing flows back through the condition. */
export function where(graph: GraphBuilder, condition: Value, a: Value, b: Value): Value {
  const shape = [a, b].reduce((joint, each) => broadcastShape("where", joint, graph.shapeOf(each)), graph.shapeOf(condition));
  return graph.push({ op: "where" }, [condition, a, b].map((each) => graph.expand(each, shape)), shape);
}

/** x where it is positive, else slope·x; the slope broadcasts to x as NumPy's arrays do: [c, 1, 1] for one per channel. */
export function prelu(graph: GraphBuilder, x: Value, slope: Value): Value {
  const shape = graph.shapeOf(x);
  if (!sameShape(broadcastShape("prelu", shape, graph.shapeOf(slope)), shape)) throw mismatch("prelu", `a slope that broadcasts to [${shape.join(", ")}]`, graph.shapeOf(slope));
  return where(graph, relu(graph, x), x, binary(graph, "mul", x, slope)); // relu(x) is not 0 where x is positive
}

/** max is that of the first where several are largest, as far as gradients go. */
export function reduce(graph: GraphBuilder, fn: ReduceFunction, x: Value, axes: readonly number[], keepDims: boolean): Value {
  const shape = graph.shapeOf(x);
  for (const axis of axes) requireAxis("reduce", shape, axis);
  if (axes.length === 0 || new Set(axes).size !== axes.length) throw mismatch("reduce", "distinct axes", axes);
  const y = graph.push({ op: "reduce", fn, axes }, [x], shape.map((side, axis) => (axes.includes(axis) ? 1 : side)));
  if (keepDims) return y;
  const rest = shape.filter((_, axis) => !axes.includes(axis));
  return graph.reshape(y, rest.length > 0 ? rest : [1]);
}

/** Whether f(0, 0) = 0: padding lanes, which are 0, stay so. */
export function binaryKeepsZero(fn: BinaryFunction): boolean { return !["div", "pow", "equal", "lessOrEqual", "greaterOrEqual"].includes(fn); }

/** @throws EngineError SHAPE_MISMATCH unless each pair of sides, counted from the last, is equal or has a 1. */
export function broadcastShape(op: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [p, q] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1];
    if (p !== q && p !== 1 && q !== 1) throw mismatch(op, `a shape that broadcasts with [${a.join(", ")}]`, b);
    return p === 1 ? q : p;
  });
}

/** Sums a gradient over the axes along which its tensor was repeated, so that it has the tensor's shape again. */
export function sumTo(tape: Tape, dy: Value, shape: Shape): Value {
  const from = tape.node(dy).shape;
  const added = from.length - shape.length;
  const axes = from.flatMap((side, axis) => (axis < added || (shape[axis - added] === 1 && side !== 1) ? [axis] : []));
  const sum = axes.length === 0 ? dy : tape.push({ op: "reduce", fn: "sum", axes }, [dy], from.map((side, axis) => (axes.includes(axis) ? 1 : side)));
  return added === 0 ? sum : tape.push({ op: "reshape" }, [sum], shape);
}

type Operand = readonly [value: Value, shape: Shape];

/** `add` of equal shapes is an operation of its own, because kernels finish with it. */
function combine(graph: Pick<GraphBuilder, "push">, fn: BinaryFunction, [a, from]: Operand, [b, other]: Operand): Value {
  const operation: Operation = fn === "add" && sameShape(from, other) ? { op: "add" } : { op: "binary", fn };
  return graph.push(operation, [a, b], broadcastShape(fn, from, other));
}

/** The same on a tape. */
function on(tape: Tape, fn: BinaryFunction, a: Value, b: Value): Value { return combine(tape, fn, [a, tape.node(a).shape], [b, tape.node(b).shape]); }
function scaled(tape: Tape, x: Value, scale: number, shift = 0): Value { return tape.push({ op: "unary", fn: { name: "affine", scale, shift } }, [x], tape.node(x).shape); }

/** Smallest normal f32: log of it is finite, and 0 times that is 0. */
const TINY = 1.1754943508222875e-38;

/** dy times the slope of each operand, before it is summed to the operand's shape. */
const slopes: Record<ArithmeticFunction, readonly [GradientRule, GradientRule]> = {
  add: [(_, __, dy) => dy, (_, __, dy) => dy],
  sub: [(_, __, dy) => dy, (tape, _, dy) => scaled(tape, dy, -1)],
  mul: [(tape, y, dy) => on(tape, "mul", dy, inputOf(tape, y, 1)), (tape, y, dy) => on(tape, "mul", dy, inputOf(tape, y, 0))],
  div: [(tape, y, dy) => on(tape, "div", dy, inputOf(tape, y, 1)), (tape, y, dy) => scaled(tape, on(tape, "div", on(tape, "mul", dy, y), inputOf(tape, y, 1)), -1)],
  pow: [
    (tape, y, dy) => { const [a, b] = tape.node(y).inputs as [Value, Value]; return on(tape, "mul", dy, on(tape, "mul", b, on(tape, "pow", a, scaled(tape, b, 1, -1)))); },
    (tape, y, dy) => {
      const a = tape.push({ op: "unary", fn: { name: "clip", min: TINY, max: Infinity } }, [inputOf(tape, y, 0)], shapeOfInput(tape, y, 0));
      return on(tape, "mul", on(tape, "mul", dy, y), tape.push({ op: "unary", fn: { name: "log" } }, [a], shapeOfInput(tape, y, 0)));
    },
  ],
  max: [(tape, y, dy) => chosen(tape, y, dy, 0, "greater"), (tape, y, dy) => chosen(tape, y, dy, 1, "greater")],
  min: [(tape, y, dy) => chosen(tape, y, dy, 0, "less"), (tape, y, dy) => chosen(tape, y, dy, 1, "less")],
};

/** dy where the operand is the extreme one; half of it where both are, as PyTorch has it. */
function chosen(tape: Tape, y: Value, dy: Value, position: 0 | 1, fn: "greater" | "less"): Value {
  const [own, other] = [inputOf(tape, y, position), inputOf(tape, y, 1 - position)];
  const share = on(tape, "add", on(tape, fn, own, other), on(tape, `${fn}OrEqual`, own, other));
  return on(tape, "mul", dy, scaled(tape, share, 0.5));
}

/** dy where the operand was taken, else 0. */
const taken = (position: 1 | 2): GradientRule => (tape, y, dy) => {
  const nothing = scaled(tape, dy, 0);
  return tape.push({ op: "where" }, [inputOf(tape, y, 0), ...(position === 1 ? [dy, nothing] : [nothing, dy])], tape.node(y).shape);
};

export const broadcastGradients = {
  binary: (tape, y, dy, position) => {
    const { fn } = attributes<"binary">(tape, y);
    if (!(fn in slopes)) return undefined;
    const full = slopes[fn as ArithmeticFunction][position]!(tape, y, dy, position)!;
    return sumTo(tape, full, shapeOfInput(tape, y, position));
  },
  where: [() => undefined, taken(1), taken(2)],
  expand: [(tape, y, dy) => sumTo(tape, dy, shapeOfInput(tape, y, 0))],
  reduce: [(tape, y, dy) => {
    const { fn, axes } = attributes<"reduce">(tape, y);
    const shape = shapeOfInput(tape, y, 0);
    if (fn === "max") return tape.push({ op: "reduceMaxGrad", axes }, [dy, inputOf(tape, y, 0), y], shape);
    const each = fn === "mean" ? scaled(tape, dy, 1 / elements(axes.map((axis) => shape[axis]!))) : dy;
    return tape.push({ op: "expand" }, [each], shape);
  }],
} satisfies GradientRules;
