import type { Fail } from "../../formats/fail.ts";

/** Number types of weights files, by their names in safetensors; little-endian. */
export type Dtype = "F64" | "F32" | "F16" | "BF16" | "I64" | "I32" | "I16" | "I8" | "U8" | "BOOL";

interface Rule {
  readonly bytes: number;
  /** Reads one value; BigInt only where f64 may not hold it. */
  readonly read: (view: DataView, at: number) => number | bigint;
}

const RULES: Readonly<Record<Dtype, Rule>> = {
  F64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  F32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  F16: { bytes: 2, read: (view, at) => halfToNumber(view.getUint16(at, true)) },
  BF16: { bytes: 2, read: (view, at) => bfloatToNumber(view.getUint16(at, true)) },
  I64: { bytes: 8, read: (view, at) => view.getBigInt64(at, true) },
  I32: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  I16: { bytes: 2, read: (view, at) => view.getInt16(at, true) },
  I8: { bytes: 1, read: (view, at) => view.getInt8(at) },
  U8: { bytes: 1, read: (view, at) => view.getUint8(at) },
  BOOL: { bytes: 1, read: (view, at) => view.getUint8(at) },
};

export function isDtype(name: unknown): name is Dtype { return typeof name === "string" && Object.hasOwn(RULES, name); }

export function bytesPerValue(dtype: Dtype): number { return RULES[dtype].bytes; }

export const DTYPES = Object.keys(RULES).join(", ");

/**
 * A copy as f32. f64 is rounded to the nearest; every other type must fit.
 *
 * @param bytes whole values of `dtype`, little-endian.
 * @throws `fail` "refused" naming the first integer that f32 does not hold, "damaged" for a truth value other than 0 and 1.
 */
export function toFloat32(name: string, dtype: Dtype, bytes: Uint8Array, fail: Fail): Float32Array {
  if (dtype === "F32") return new Float32Array(new Uint8Array(bytes).buffer); // every NaN keeps its bits
  const { bytes: width, read } = RULES[dtype];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const integer = !dtype.includes("F");
  const out = new Float32Array(bytes.length / width);
  for (let i = 0; i < out.length; i++) {
    const value = read(view, i * width);
    out[i] = Number(value);
    if (!integer) continue;
    if (typeof value === "bigint" ? BigInt(out[i]!) !== value : out[i] !== value) throw fail("refused", `tensor ${name}: expected whole numbers that a 32-bit float holds, got ${value} at ${i}; leave the tensor out of the file or save it as float`);
    if (dtype === "BOOL" && out[i]! > 1) throw fail("damaged", `tensor ${name}: expected truth values of 0 and 1, got ${value} at ${i}`);
  }
  return out;
}

/** IEEE 754 binary16. */
export function halfToNumber(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size = exponent === 31 ? (fraction ? NaN : Infinity) : exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
  return bits >> 15 ? -size : size;
}

const word = new DataView(new ArrayBuffer(4));

/** The upper half of a binary32. */
export function bfloatToNumber(bits: number): number {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}
