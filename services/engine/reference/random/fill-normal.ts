import { fillBitsReference, type ReferenceKey } from "./fill-bits.ts";

/** mean + sd z, z by Box–Muller from neighbouring words. @param images [n]. @returns [n, m]. */
export function fillNormalReference(images: ArrayLike<number>, m: number, key: ReferenceKey & { mean?: number; sd?: number }, draws?: ArrayLike<number>): Float64Array {
  const { mean = 0, sd = 1 } = key;
  const whole = Math.ceil(m / 4) * 4; // a pair may reach beyond an odd row
  const words = fillBitsReference(images, whole, key, draws);
  const y = new Float64Array(images.length * m);
  for (let i = 0; i < images.length; i++) {
    for (let c = 0; c < m; c++) {
      const first = i * whole + c - (c % 2);
      const radius = Math.sqrt(-2 * Math.log(((words[first]! >>> 8) + 1) / 2 ** 24));
      const angle = 2 * Math.PI * ((words[first + 1]! >>> 8) / 2 ** 24);
      y[i * m + c] = mean + sd * radius * (c % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
    }
  }
  return y;
}
