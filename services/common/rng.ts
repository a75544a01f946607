import { AppError } from "./errors.ts";

/**
 * Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as
 * 1, 2, 3"). The same function runs in WGSL (shaders/lib/philox.wgsl); the known answers of Random123 hold for both.
 * The only door to randomness in this repository: Math.random is not used anywhere.
 */

export type Words2 = readonly [number, number];
export type Words4 = readonly [number, number, number, number];

const MULTIPLIER = [0xd2511f53, 0xcd9e8d57] as const;
const WEYL = [0x9e3779b9, 0xbb67ae85] as const;
const ROUNDS = 10;

/** Four u32 words that look random, a pure function of `counter` and `key` (u32 words each). */
export function philox4x32(counter: Words4, key: Words2): [number, number, number, number] {
  let [a, b, c, d] = counter;
  let [k, l] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const high = mulHigh(MULTIPLIER[0], a);
    const low = Math.imul(MULTIPLIER[0], a);
    [a, b, c, d] = [mulHigh(MULTIPLIER[1], c) ^ b ^ k, Math.imul(MULTIPLIER[1], c), high ^ d ^ l, low];
    a >>>= 0;
    c >>>= 0; // b and d enter only through xor and the results below, which undo the sign
    k = (k + WEYL[0]) >>> 0;
    l = (l + WEYL[1]) >>> 0;
  }
  return [a, b >>> 0, c, d >>> 0];
}

/** Upper 32 bits of the 64-bit product of two u32. Every intermediate is an integer below 2^49, so f64 is exact. */
function mulHigh(a: number, b: number): number {
  return Math.floor(((a >>> 16) * b + Math.floor(((a & 0xffff) * b) / 0x10000)) / 0x10000);
}

/**
 * A 64-bit seed as the two words of a Philox key, [low, high].
 *
 * @param seed an integer in [0, 2^64); as a number, at most 2^53 - 1.
 * @throws AppError VALUE_RANGE for anything else.
 */
export function seedWords(seed: number | bigint): [number, number] {
  const ok = typeof seed === "bigint" ? seed >= 0n && seed < 1n << 64n : Number.isSafeInteger(seed) && seed >= 0;
  if (!ok) throw new AppError("VALUE_RANGE", `seed: expected an integer in [0, 2^64), got ${seed}; pass a bigint above 2^53`, { seed: String(seed) });
  const wide = BigInt(seed);
  return [Number(wide & 0xffff_ffffn), Number(wide >> 32n)];
}

/**
 * Third counter word of every host draw. On the device that word is the draw number; none ever gets this high, so host
 * and device never share a block even under the same seed and stream.
 */
export const HOST_DRAW = 0xffff_ffff;

/**
 * A reproducible sequence for host code (shuffles, sample sets, bootstrap). State is one position: two instances with
 * the same seed and stream give the same values, different streams are independent.
 */
export class Rng {
  readonly #key: Words2;
  readonly #stream: number;
  #position = 0;
  #block: Words4 = [0, 0, 0, 0];

  /**
   * @param seed   64 bits, as in seedWords.
   * @param stream u32 naming the purpose, so that one seed serves several unrelated sequences.
   * @throws AppError VALUE_RANGE when either is out of range.
   */
  constructor(seed: number | bigint, stream = 0) {
    if (!Number.isInteger(stream) || stream < 0 || stream > 0xffff_ffff) throw new AppError("VALUE_RANGE", `rng: expected stream to be a u32, got ${stream}`, { stream });
    this.#key = seedWords(seed);
    this.#stream = stream;
  }

  nextU32(): number {
    const lane = this.#position % 4;
    if (lane === 0) {
      const block = this.#position / 4;
      this.#block = philox4x32([block >>> 0, Math.floor(block / 2 ** 32), HOST_DRAW, this.#stream], this.#key);
    }
    this.#position++;
    return this.#block[lane as 0 | 1 | 2 | 3];
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    const high = this.nextU32() >>> 5;
    return (high * 2 ** 26 + (this.nextU32() >>> 6)) / 2 ** 53;
  }

  /** Standard normal (Box & Muller 1958), one value of each pair: four words a call, nothing kept between calls. */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform())); // 1 - u is in (0, 1]: the logarithm stays finite
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Uniform in {0, …, n-1} without bias (rejection). @throws AppError VALUE_RANGE unless n is an integer in [1, 2^32]. */
  integer(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) throw new AppError("VALUE_RANGE", `rng.integer: expected n in [1, 2^32], got ${n}`, { n });
    const limit = 2 ** 32 - (2 ** 32 % n);
    let word = this.nextU32();
    while (word >= limit) word = this.nextU32();
    return word % n;
  }

  /** Permutes `items` in place (Fisher & Yates) and returns them. */
  shuffle<T>(items: T[]): T[];
  shuffle(items: Uint32Array): Uint32Array;
  shuffle(items: { length: number; [index: number]: unknown }): unknown {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }

  /** A uniformly random order of 0 … n-1. */
  permutation(n: number): Uint32Array {
    return this.shuffle(Uint32Array.from({ length: n }, (_, i) => i));
  }
}
