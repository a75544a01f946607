import { readFileSync } from "node:fs";

/** A NumPy array from a .npy file. */
export interface Npy<T = NpyData> { readonly shape: readonly number[]; readonly data: T }
export type NpyData = Float32Array | Float64Array | Uint8Array | Int8Array | Uint16Array | Int32Array;

const TYPES: Readonly<Record<string, new (buffer: ArrayBuffer) => NpyData>> = { "<f4": Float32Array, "<f8": Float64Array, "|u1": Uint8Array, "|i1": Int8Array, "|b1": Uint8Array, "<u2": Uint16Array, "<i4": Int32Array };

/**
 * Reads version 1 of the format, little-endian, C order (numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
 * @throws Error for anything else.
 */
export function readNpy(path: string): Npy {
  const bytes = readFileSync(path);
  if (bytes.toString("latin1", 0, 8) !== "\x93NUMPY\x01\x00") throw new Error(`${path}: expected .npy version 1`);
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString("latin1", 10, start);
  const [, descr] = /'descr': '([^']+)'/.exec(header) ?? [];
  const [, order] = /'fortran_order': (True|False)/.exec(header) ?? [];
  const [, sides] = /'shape': \(([^)]*)\)/.exec(header) ?? [];
  const type = TYPES[descr ?? ""];
  if (!type || order !== "False" || sides === undefined) throw new Error(`${path}: expected a C-ordered array of a known type, got ${header.trim()}`);
  const shape = sides.split(",").filter((side) => side.trim() !== "").map(Number);
  const data = new type(Uint8Array.from(bytes.subarray(start)).buffer);
  if (data.length !== shape.reduce((product, side) => product * side, 1)) throw new Error(`${path}: expected ${sides} elements, got ${data.length}`);
  return { shape, data };
}
