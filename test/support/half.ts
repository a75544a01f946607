/** The values of f16s that lie two to a u32, low half first. */
export function unpackHalves(words: Uint32Array): Float64Array {
  return Float64Array.from({ length: 2 * words.length }, (_, i) => {
    const bits = (words[i >> 1]! >>> (16 * (i & 1))) & 0xffff;
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
    const size = exponent === 31 ? (fraction ? NaN : Infinity) : exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
    return bits >> 15 ? -size : size;
  });
}
