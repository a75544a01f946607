import { product, type Product } from "../../kernels/matmul/product.ts";
import { mismatch } from "../check.ts";
import type { GraphBuilder, Shape, Value } from "../graph.ts";
import { type GradientRules, inputOf, shapeOfInput } from "../tape.ts";
import { broadcastShape } from "./broadcast.ts";

export type MatMulOperation =
  | { readonly op: "matMul" } // a [.., m, k], b [.., k, n] → [.., m, n]
  // gradients; leading axes along which the operand was repeated are summed
  | { readonly op: "matMulGradLeft" } // dy, b → the shape of a
  | { readonly op: "matMulGradRight" }; // a, dy → the shape of b

/** Matrices in the last two axes; the leading ones broadcast as NumPy's. A right operand without them is a linear layer of the last axis. */
export function matMul(graph: GraphBuilder, a: Value, b: Value): Value {
  const [from, by] = [graph.shapeOf(a), graph.shapeOf(b)];
  if (from.length < 2 || by.length < 2) throw mismatch("matMul", "operands of rank 2 and more", [from, by]);
  if (from.at(-1) !== by.at(-2)) throw mismatch("matMul", `a right operand [.., ${from.at(-1)}, n]`, by);
  return graph.push({ op: "matMul" }, [a, b], [...broadcastShape("matMul", from.slice(0, -2), by.slice(0, -2)), from.at(-2)!, by.at(-1)!]);
}

/** The product that a node is, of its first input and its second. */
export function productOf({ op }: MatMulOperation, [a, b]: readonly Shape[], y: Shape): Product { return product({ a: a!, b: b!, y, ...transposed(op) }); }

/** Which operand's matrices are read as their transposes. */
export function transposed(op: MatMulOperation["op"]): { readonly transposeA: boolean; readonly transposeB: boolean } {
  return { transposeA: op === "matMulGradRight", transposeB: op === "matMulGradLeft" };
}

export const matMulGradients = {
  matMul: [
    (tape, y, dy) => tape.push({ op: "matMulGradLeft" }, [dy, inputOf(tape, y, 1)], shapeOfInput(tape, y, 0)),
    (tape, y, dy) => tape.push({ op: "matMulGradRight" }, [inputOf(tape, y, 0), dy], shapeOfInput(tape, y, 1)),
  ],
} satisfies GradientRules;
