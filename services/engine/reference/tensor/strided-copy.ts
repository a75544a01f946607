import { coordinatesOf } from "./coordinates.ts";

/** y[yStart + Σ at·yStrides] = x[xStart + Σ at·xStrides] for all coordinates `at` of `sizes`; what is not written keeps what `y` had. */
export function stridedCopyReference(x: Float64Array, y: Float64Array, { sizes, xStrides, yStrides, xStart = 0, yStart = 0 }: { sizes: readonly number[]; xStrides: readonly number[]; yStrides: readonly number[]; xStart?: number; yStart?: number }): Float64Array {
  const result = y.slice();
  const count = sizes.reduce((product, side) => product * side, 1);
  for (let i = 0; i < count; i++) {
    const at = coordinatesOf(i, sizes);
    const offset = (strides: readonly number[]): number => at.reduce((sum, c, axis) => sum + c * strides[axis]!, 0);
    result[yStart + offset(yStrides)] = x[xStart + offset(xStrides)]!;
  }
  return result;
}
