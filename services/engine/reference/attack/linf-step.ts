/** x ← clip_[low,high](clip_{x0±ε}(x + direction·stepSize·sign g)). @param x, x0, gradient [n·m]. @returns [n·m]. */
export function linfStepReference(
  x: Float64Array, x0: Float64Array, gradient: Float64Array,
  { stepSize, epsilon, direction, low = 0, high = 1 }: { stepSize: number; epsilon: number; direction: 1 | -1; low?: number; high?: number },
): Float64Array {
  return x.map((v, i) => {
    const moved = v + direction * stepSize * Math.sign(gradient[i]!);
    const boxed = Math.min(Math.max(moved, x0[i]! - epsilon), x0[i]! + epsilon);
    return Math.min(Math.max(boxed, low), high);
  });
}
