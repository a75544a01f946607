/** Gradient of the scalar function f at x by central differences: error about step² · f‴ / 6 + 1e-16 · |f| / step. */
export function centralDifferences(f: (x: Float64Array) => number, x: Float64Array, step = 1e-5): Float64Array {
  return x.map((value, i) => {
    const at = (v: number): number => f(x.with(i, v));
    return (at(value + step) - at(value - step)) / (2 * step);
  });
}

/** The sum of a·b: with weights b it makes a scalar of a tensor, whose gradient is that of the tensor for dy = b. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Agreement of an f64 gradient with central differences of order 1. */
export const DIFFERENCES = { atol: 1e-8, rtol: 1e-6 } as const;
