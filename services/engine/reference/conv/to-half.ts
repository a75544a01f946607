/** Each x as the nearest f16 (ties to even), ±65504 where it is larger than any. @returns the values, not their bits. */
export function toHalfReference(x: ArrayLike<number>): Float64Array {
  return Float64Array.from(x, (value) => {
    const size = Math.min(Math.abs(value), 65504);
    const step = 2 ** (Math.max(Math.floor(Math.log2(size)), -14) - 10); // the distance of its neighbours; subnormals share one
    const steps = size / step;
    const below = Math.floor(steps);
    const up = steps - below > 0.5 || (steps - below === 0.5 && below % 2 === 1);
    return Math.sign(value) * Math.min((below + Number(up)) * step, 65504);
  });
}
