import { EngineError } from "../../errors.ts";

/** What the kernels share that step through strided tensors (shaders/lib/walk.wgsl). */

/** One axis of a walk: its size, and how far one step along it moves in each of two tensors, in elements. */
export interface WalkAxis { readonly size: number; readonly a: number; readonly b: number }

/** Axes that lib/walk counts. */
const AXES = 6;

/** Row-major strides of a dense tensor. */
export function stridesOf(shape: readonly number[]): number[] {
  let stride = 1;
  return shape.map((_, i) => i).reverse().map((axis) => { const own = stride; stride *= shape[axis]!; return own; }).reverse();
}

/** The strides of a tensor that is repeated, as NumPy broadcasts: 0 along axes of size 1 and those that it lacks in front of `rank`. */
export function repeatedStrides(shape: readonly number[], strides: readonly number[], rank: number): number[] {
  const added = rank - shape.length;
  return Array.from({ length: rank }, (_, i) => (i < added || shape[i - added] === 1 ? 0 : strides[i - added]!));
}

/** The same walk on fewer axes: those of size 1 dropped, neighbours joined where both tensors go on evenly from one to the next. */
export function joined(axes: readonly WalkAxis[]): WalkAxis[] {
  const result: WalkAxis[] = [];
  for (const axis of axes) {
    const outer = result.at(-1);
    if (axis.size === 1) continue;
    if (outer && outer.a === axis.a * axis.size && outer.b === axis.b * axis.size) result[result.length - 1] = { ...axis, size: outer.size * axis.size };
    else result.push(axis);
  }
  return result;
}

/**
 * Params of lib/walk for these axes, and the `RANK` override that leaves out the ones it need not count. Steps may be
 * negative: offsets are added modulo 2^32.
 *
 * @throws EngineError SHAPE_MISMATCH for more axes than the kernels count.
 */
export function walkParams(kernel: string, axes: readonly WalkAxis[]): { rank: number; params: Record<string, number> } {
  if (axes.length > AXES) throw new EngineError("SHAPE_MISMATCH", `${kernel}: expected at most ${AXES} axes, got ${axes.length}`, { kernel, axes: axes.length });
  const all = [...Array.from({ length: AXES - axes.length }, () => ({ size: 1, a: 0, b: 0 })), ...axes];
  const params: Record<string, number> = {};
  all.forEach(({ size, a, b }, i) => { Object.assign(params, { [`d${i}`]: size, [`a${i}`]: a >>> 0, [`b${i}`]: b >>> 0 }); });
  return { rank: Math.max(1, axes.length), params };
}

/** The largest offset that a walk reaches in one of its tensors, and the smallest. */
export function reach(axes: readonly WalkAxis[], tensor: "a" | "b"): { least: number; most: number } {
  const ends = axes.map((axis) => (axis.size - 1) * axis[tensor]);
  return { least: ends.reduce((sum, end) => sum + Math.min(0, end), 0), most: ends.reduce((sum, end) => sum + Math.max(0, end), 0) };
}

/** Fields of Params that lib/walk reads, in order. */
export const WALK_PARAMS = Object.fromEntries(["d", "a", "b"].flatMap((field) => Array.from({ length: AXES }, (_, i) => [`${field}${i}`, "u32"]))) as Readonly<Record<string, "u32">>;
