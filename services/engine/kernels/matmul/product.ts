import { EngineError } from "../../errors.ts";
import type { ScalarType } from "../../gpu/kernel.ts";
import { elements } from "../../gpu/tensor.ts";

/**
 * What one product of batched dense matrices is made of, found from shapes alone. A product is a [.., m, k] times b [.., k, n]
 * with NumPy's broadcasting of the leading axes; a leading axis of size 1 in the result, along which an operand varies, is
 * summed: that is what the gradient of a broadcast operand needs.
 */
export interface Product {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  /** Elements from one row of a matrix to the next, and from one column to the next. */
  readonly a: { readonly row: number; readonly column: number };
  readonly b: { readonly row: number; readonly column: number };
  /** Axes of the batch, the last runs fastest; first those that are summed, then those of the result. */
  readonly summed: readonly BatchAxis[];
  readonly kept: readonly BatchAxis[];
  /** The inner axis is cut in so many parts of sliceK (the last may be shorter), summed afterwards. */
  readonly slices: number;
  readonly sliceK: number;
}

/** Elements from one matrix to the next; 0 where an operand is broadcast. */
export interface BatchAxis { readonly size: number; readonly a: number; readonly b: number }

export interface ProductShapes {
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly y: readonly number[];
  /** The matrices of a are stored as [k, m]. Default false. */
  readonly transposeA?: boolean;
  /** The matrices of b are stored as [n, k]. Default false. */
  readonly transposeB?: boolean;
}

/** Longest running f32 sum: longer ones lose digits, and a gradient that sums a batch has few tiles but long sums. */
const SLICE = 1024;
/** More parts than this are not cut: reduce/sum-parts adds them one after the other. */
const MOST_SLICES = 64;
/** What the kernels have parameters for; shapes of rank 6 have no more. */
const MAX_AXES = 4;

/**
 * Axes that lie as one are made one, and a batch that only repeats rows (b is the same for all) becomes rows: a linear layer
 * of [n, t, f] is one product of n·t rows, and its weight's gradient one sum over n·t.
 *
 * @throws EngineError SHAPE_MISMATCH when the shapes are not those of a product.
 */
export function product({ a, b, y, transposeA = false, transposeB = false }: ProductShapes): Product {
  const [rows, k] = matrix(a, transposeA);
  const [inner, columns] = matrix(b, transposeB);
  const [m, n] = matrix(y, false);
  if (k !== inner || m !== rows || n !== columns) throw mismatch({ a, b, y });
  const axes = batchAxes(a, b, y);
  const start = {
    m, k, n, a: transposeA ? { row: 1, column: m } : { row: k, column: 1 }, b: transposeB ? { row: 1, column: k } : { row: n, column: 1 },
    kept: merged(axes.filter(({ kept }) => kept)), summed: merged(axes.filter(({ kept }) => !kept)),
  };
  const folded = foldSums(foldRows(start));
  if (folded.kept.length + folded.summed.length > MAX_AXES) throw mismatch({ a, b, y });
  const sliceK = Math.max(SLICE, Math.ceil(folded.k / MOST_SLICES));
  return { ...folded, sliceK, slices: Math.ceil(folded.k / sliceK) };
}

/** Partial results that are summed afterwards; 1 when the product is written where it belongs. */
export function partsOf({ slices, summed }: Product): number { return slices * count(summed); }

/** Elements of the result. */
export function resultElements({ kept, m, n }: Product): number { return count(kept) * m * n; }

/** Elements of scratch that a product needs; 0 when it is one part. */
export function productScratch(shape: Product): number { return partsOf(shape) === 1 ? 0 : partsOf(shape) * resultElements(shape); }

/** Elements that an operand must hold: one more than the last that is read. */
export function operandElements(shape: Product, operand: "a" | "b"): number {
  const { row, column } = shape[operand];
  const [rows, columns] = operand === "a" ? [shape.m, shape.k] : [shape.k, shape.n];
  return [...shape.summed, ...shape.kept].reduce((last, axis) => last + (axis.size - 1) * axis[operand], (rows - 1) * row + (columns - 1) * column) + 1;
}

/** `struct Params` of the kernels, in WGSL order. */
export const productParams = {
  m: "u32", k: "u32", n: "u32", a_row: "u32", a_column: "u32", b_row: "u32", b_column: "u32", slices: "u32", slice_k: "u32",
  size0: "u32", size1: "u32", size2: "u32", size3: "u32", a_step0: "u32", a_step1: "u32", a_step2: "u32", a_step3: "u32", b_step0: "u32", b_step1: "u32", b_step2: "u32", b_step3: "u32",
} as const satisfies Record<string, ScalarType>;

export function productScalars(shape: Product): Record<keyof typeof productParams, number> {
  const { m, k, n, a, b, slices, sliceK } = shape;
  const axes = [...shape.summed, ...shape.kept];
  const padded = [...Array.from({ length: MAX_AXES - axes.length }, (): BatchAxis => ({ size: 1, a: 0, b: 0 })), ...axes] as [BatchAxis, BatchAxis, BatchAxis, BatchAxis];
  const [p0, p1, p2, p3] = padded;
  return {
    m, k, n, a_row: a.row, a_column: a.column, b_row: b.row, b_column: b.column, slices, slice_k: sliceK,
    size0: p0.size, size1: p1.size, size2: p2.size, size3: p3.size, a_step0: p0.a, a_step1: p1.a, a_step2: p2.a, a_step3: p3.a, b_step0: p0.b, b_step1: p1.b, b_step2: p2.b, b_step3: p3.b,
  };
}

/** Matrices that a launch computes, partial ones counted. */
export function matrixCount(shape: Product): number { return partsOf(shape) * count(shape.kept); }

type Unsliced = Omit<Product, "slices" | "sliceK">;

function foldRows(shape: Unsliced): Unsliced {
  const inner = shape.kept.at(-1);
  if (inner?.b !== 0 || inner.a !== shape.m * shape.a.row) return shape;
  return { ...shape, m: shape.m * inner.size, kept: shape.kept.slice(0, -1) };
}

function foldSums(shape: Unsliced): Unsliced {
  const inner = shape.summed.at(-1);
  if (inner?.a !== shape.k * shape.a.column || inner.b !== shape.k * shape.b.row) return shape;
  return { ...shape, k: shape.k * inner.size, summed: shape.summed.slice(0, -1) };
}

/** Neighbours that are one axis in both operands. */
function merged(axes: readonly BatchAxis[]): BatchAxis[] {
  const result: BatchAxis[] = [];
  for (const { size, a, b } of axes) {
    const outer = result.at(-1);
    if (outer?.a === size * a && outer.b === size * b) result[result.length - 1] = { size: outer.size * size, a, b };
    else result.push({ size, a, b });
  }
  return result;
}

/** Leading axes of more than one element, aligned at their ends; `kept`: the result has them. */
function batchAxes(a: readonly number[], b: readonly number[], y: readonly number[]): (BatchAxis & { readonly kept: boolean })[] {
  const rank = Math.max(a.length, b.length, y.length);
  const [sa, sb, sy] = [a, b, y].map((shape) => [...new Array<number>(rank - shape.length).fill(1), ...shape]) as [number[], number[], number[]];
  const step = (shape: readonly number[], axis: number): number => (shape[axis] === 1 ? 0 : elements(shape.slice(axis + 1)));
  return Array.from({ length: rank - 2 }, (_, axis) => {
    const size = Math.max(sa[axis]!, sb[axis]!);
    if ([sa, sb, sy].some((shape) => shape[axis] !== 1 && shape[axis] !== size)) throw mismatch({ a, b, y });
    return { size, a: step(sa, axis), b: step(sb, axis), kept: sy[axis] === size };
  }).filter(({ size }) => size > 1);
}

function matrix(shape: readonly number[], transposed: boolean): [rows: number, columns: number] {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

function count(axes: readonly BatchAxis[]): number { return axes.reduce((total, { size }) => total * size, 1); }

function mismatch(shapes: Pick<ProductShapes, "a" | "b" | "y">): EngineError {
  const text = (shape: readonly number[]): string => `[${shape.join(", ")}]`;
  return new EngineError("SHAPE_MISMATCH", `matmul: expected the shapes of a product, got ${text(shapes.a)} times ${text(shapes.b)} into ${text(shapes.y)}`, { ...shapes });
}
