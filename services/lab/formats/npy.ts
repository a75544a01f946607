import type { Fail } from "./fail.ts";

/** NumPy's .npy format, versions 1 to 3 (numpy.org/doc/stable/reference/generated/numpy.lib.format.html): little-endian, C order, no objects. */

/** Element types by NumPy's names; "bool" has one byte, 0 or 1. */
const TYPES = {
  "|b1": { name: "bool", bytes: 1, view: Uint8Array }, "|u1": { name: "u8", bytes: 1, view: Uint8Array }, "|i1": { name: "i8", bytes: 1, view: Int8Array },
  "<u2": { name: "u16", bytes: 2, view: Uint16Array }, "<i2": { name: "i16", bytes: 2, view: Int16Array },
  "<u4": { name: "u32", bytes: 4, view: Uint32Array }, "<i4": { name: "i32", bytes: 4, view: Int32Array },
  "<u8": { name: "u64", bytes: 8, view: BigUint64Array }, "<i8": { name: "i64", bytes: 8, view: BigInt64Array },
  "<f4": { name: "f32", bytes: 4, view: Float32Array }, "<f8": { name: "f64", bytes: 8, view: Float64Array },
} as const;
type Descr = keyof typeof TYPES;
export type NpyType = (typeof TYPES)[Descr]["name"];
export type NpyData = Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | BigUint64Array | BigInt64Array | Float32Array | Float64Array;

export interface NpyHeader {
  readonly type: NpyType;
  readonly shape: readonly number[];
  /** Product of the shape. */
  readonly length: number;
  readonly bytesPerElement: number;
  /** Byte at which the data begins. */
  readonly dataOffset: number;
}

export interface NpyArray { readonly type: NpyType; readonly shape: readonly number[]; readonly data: NpyData }

/** No header of numbers is longer; NumPy itself stops at 10,000. */
export const NPY_MAX_HEADER = 12 + 10_000;
const MAX_DIMENSIONS = 32; // NumPy's
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** Bounded blanks keep the match linear in the header's length. */
const HEADER = /^\{ {0,4}'descr': {0,4}'([^']{1,20})', {0,4}'fortran_order': {0,4}(True|False), {0,4}'shape': {0,4}\(([\d, ]{0,700})\),? {0,4}\}$/;

/** @param bytes at least the file's first NPY_MAX_HEADER bytes, or all of it. */
export function parseNpyHeader(bytes: Uint8Array, fail: Fail): NpyHeader {
  MAGIC.forEach((byte, i) => { if (bytes[i] !== byte) throw fail("damaged", `byte ${i}: expected the magic of .npy, ${byte}, got ${bytes[i]}`); });
  const [major = 0] = [bytes[6]];
  if (major < 1 || major > 3) throw fail("refused", `byte 6: expected version 1, 2 or 3 of .npy, got ${bytes[6]}`);
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) throw fail("damaged", `byte ${bytes.length}: expected a header, got the file's end`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const dataOffset = start + (major === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (dataOffset > NPY_MAX_HEADER) throw fail("refused", `byte 8: expected a header of at most ${NPY_MAX_HEADER - start} bytes, got ${dataOffset - start}`);
  if (dataOffset > bytes.length) throw fail("damaged", `byte ${bytes.length}: expected a header of ${dataOffset - start} bytes, got the file's end`);
  return { ...parseDescription(Buffer.from(bytes.subarray(start, dataOffset)).toString("latin1").trimEnd(), start, fail), dataOffset };
}

/** A whole file. @throws what `fail` makes, when the length is not the header's. */
export function parseNpy(bytes: Uint8Array, fail: Fail): NpyArray {
  const header = parseNpyHeader(bytes, fail);
  requireNpyLength(header, bytes.length, fail);
  const { type, shape, dataOffset } = header;
  return { type, shape, data: npyElements(type, bytes.subarray(dataOffset)) };
}

/** @param fileBytes length of the whole file. */
export function requireNpyLength({ length, bytesPerElement, dataOffset, shape }: NpyHeader, fileBytes: number, fail: Fail): void {
  const expected = dataOffset + length * bytesPerElement;
  if (fileBytes !== expected) throw fail("damaged", `byte ${Math.min(fileBytes, expected)}: expected ${expected} bytes in all for an array of ${shape.join("×")}, got ${fileBytes}`);
}

/** Some elements' bytes as numbers; they are copied, for typed arrays must be aligned. */
export function npyElements(type: NpyType, bytes: Uint8Array): NpyData {
  const { view } = Object.values(TYPES).find(({ name }) => name === type)!;
  return new view(Uint8Array.from(bytes).buffer);
}

/** Version 1 of the format, the data aligned to 64 bytes as NumPy has it. `data` has as many elements as `shape` asks for. */
export function writeNpy({ type, shape, data }: NpyArray): Uint8Array {
  const [descr] = Object.entries(TYPES).find(([, { name }]) => name === type)!;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(", ")}${shape.length === 1 ? "," : ""}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const header = Buffer.alloc(10);
  header.set([...MAGIC, 1, 0]);
  header.writeUInt16LE(length, 8);
  return Uint8Array.from(Buffer.concat([header, Buffer.from(`${text.padEnd(length - 1)}\n`, "latin1"), new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]));
}

function parseDescription(text: string, start: number, fail: Fail): Omit<NpyHeader, "dataOffset"> {
  const [, descr, fortran, sides] = HEADER.exec(text) ?? [];
  if (descr === undefined || sides === undefined) throw fail("refused", `byte ${start}: expected a header {'descr': …, 'fortran_order': …, 'shape': …}, got ${JSON.stringify(text.slice(0, 100))}`);
  const known = Object.hasOwn(TYPES, descr) ? TYPES[descr as Descr] : undefined;
  if (!known) throw fail("refused", `byte ${start}: expected elements of ${Object.keys(TYPES).join(" ")}, got ${descr}; convert it with numpy's astype`);
  const shape = shapeOf(sides, start, fail);
  if (fortran === "True" && shape.length > 1) throw fail("refused", `byte ${start}: expected C order, got Fortran order; save numpy.ascontiguousarray(a)`);
  const length = shape.reduce((product, side) => product * side, 1);
  if (!Number.isSafeInteger(length * known.bytes)) throw fail("damaged", `byte ${start}: expected an array that can exist, got ${sides}`);
  return { type: known.name, shape, length, bytesPerElement: known.bytes };
}

/** Python's tuple: "", "3,", "3, 4" or "3, 4,". */
function shapeOf(text: string, start: number, fail: Fail): number[] {
  const parts = text.trim().replace(/,$/, "").split(",").map((part) => part.trim());
  if (parts.length === 1 && parts[0] === "") return [];
  const shape = parts.map(Number);
  if (parts.some((part) => !/^\d{1,16}$/.test(part)) || !shape.every(Number.isSafeInteger) || shape.length > MAX_DIMENSIONS) throw fail("damaged", `byte ${start}: expected a shape of whole numbers, got (${text})`);
  return shape;
}
