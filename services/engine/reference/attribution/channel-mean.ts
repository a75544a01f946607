/** Mean over channels. @param map [n, c, p]. @returns [n, p]. */
export function channelMeanReference(map: Float64Array, { n, c, p }: { n: number; c: number; p: number }): Float64Array {
  return Float64Array.from({ length: n * p }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < c; k++) sum += map[(Math.floor(i / p) * c + k) * p + (i % p)]!;
    return sum / c;
  });
}
