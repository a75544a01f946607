import { uniform } from "./random.ts";

/**
 * Damaged copies of a file, the same for the same seed: flipped bits, cut ends, moved, repeated and dropped pieces, and
 * numbers where a format may keep a length. Half of the damage falls on the first or last kilobyte, where headers and
 * directories are: in a file that is mostly pixels or weights, chance alone would hardly ever hit them.
 */
export function* mutations(seed: number, bytes: Uint8Array, count: number): Generator<Uint8Array> {
  for (let i = 0; i < count; i++) {
    const draw = dice(seed * 1_000_003 + i);
    let mutant: Uint8Array = Uint8Array.from(bytes);
    for (let n = 1 + draw(3); n > 0 && mutant.length > 0; n--) mutant = DAMAGES[draw(DAMAGES.length)]!(mutant, draw);
    yield mutant;
  }
}

/** A whole number in [0, n). */
type Dice = (n: number) => number;

const HOT = 1024;
/** Enough for the hungriest damage three times over. */
const DRAWS = 128;

const DAMAGES: readonly ((bytes: Uint8Array, draw: Dice) => Uint8Array)[] = [flipBits, setBytes, truncate, copyWithin, dropOrRepeat, tamperLength];

function dice(seed: number): Dice {
  const draws = uniform(seed, DRAWS, 0.5);
  let next = 0;
  return (n) => Math.floor((draws[next++ % DRAWS]! + 0.5) * n);
}

function place(length: number, draw: Dice): number {
  const hot = Math.min(HOT, length);
  return [draw(length), draw(length), draw(hot), length - 1 - draw(hot)][draw(4)]!;
}

function flipBits(bytes: Uint8Array, draw: Dice): Uint8Array {
  for (let n = 1 + draw(4); n > 0; n--) bytes[place(bytes.length, draw)]! ^= 1 << draw(8);
  return bytes;
}

function setBytes(bytes: Uint8Array, draw: Dice): Uint8Array {
  const values = [0, 1, 0x7f, 0x80, 0xff, draw(256)];
  for (let n = 1 + draw(4); n > 0; n--) bytes[place(bytes.length, draw)] = values[draw(values.length)]!;
  return bytes;
}

function truncate(bytes: Uint8Array, draw: Dice): Uint8Array { return bytes.slice(0, place(bytes.length, draw)); }

/** One piece over another place: fields and records out of order. */
function copyWithin(bytes: Uint8Array, draw: Dice): Uint8Array {
  const from = place(bytes.length, draw);
  return bytes.copyWithin(place(bytes.length, draw), from, from + 1 + draw(64));
}

function dropOrRepeat(bytes: Uint8Array, draw: Dice): Uint8Array {
  const from = place(bytes.length, draw);
  const to = Math.min(bytes.length, from + 1 + draw(64));
  const times = draw(3); // 0 drops the piece, 2 repeats it
  return Uint8Array.from(Buffer.concat([bytes.subarray(0, from), ...Array.from({ length: times }, () => bytes.subarray(from, to)), bytes.subarray(to)]));
}

/** A whole number of 1, 2, 4 or 8 bytes, in either order, that readers trust at their peril. */
function tamperLength(bytes: Uint8Array, draw: Dice): Uint8Array {
  const width = [1, 2, 4, 8][draw(4)]!;
  const values = [0n, 1n, BigInt(bytes.length), BigInt(bytes.length + 1), 0x7fn, 0xffn, 0xffffn, 0x7fff_ffffn, 0xffff_ffffn, 2n ** 53n, 2n ** 63n - 1n, 2n ** 64n - 1n];
  const value = BigInt.asUintN(8 * width, values[draw(values.length)]!);
  const littleEndian = draw(2) === 0;
  const at = place(bytes.length, draw);
  for (let i = 0; i < width && at + i < bytes.length; i++) bytes[at + i] = Number((value >> BigInt(8 * (littleEndian ? i : width - 1 - i))) & 0xffn);
  return bytes;
}
