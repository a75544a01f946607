/** x ← x + direction·stepSize·g / (‖g‖ + 1e-10), per image. @param x, gradient [n, m]. @param gradientNorm [n]. @returns [n, m]. */
export function l2StepReference(x: Float64Array, gradient: Float64Array, gradientNorm: Float64Array, { stepSize, direction }: { stepSize: number; direction: 1 | -1 }): Float64Array {
  const m = x.length / gradientNorm.length;
  return x.map((v, i) => v + (direction * stepSize * gradient[i]!) / (gradientNorm[Math.floor(i / m)]! + 1e-10));
}
