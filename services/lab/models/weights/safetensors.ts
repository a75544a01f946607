import type { AppError } from "../../../common/errors.ts";
import { bytesPerValue, type Dtype, DTYPES, isDtype, toFloat32 } from "./dtypes.ts";
import { findDuplicateKey } from "./json-keys.ts";
import { failIn, isSizes, MAX_RANK, type NamedTensor, type TensorFile, volume } from "./tensor-file.ts";

/**
 * The safetensors format (github.com/huggingface/safetensors): u64 length of the header, the header as JSON, the tensors'
 * bytes. Read as if every file came from an enemy; tensors are little-endian and row-major, of any of the `Dtype`s when
 * read, f32 when written.
 */

/** The reference implementation's own limit. */
const MAX_HEADER_BYTES = 100_000_000;
const fail = failIn("safetensors");

interface Entry { readonly name: string; readonly dtype: Dtype; readonly shape: readonly number[]; readonly begin: number; readonly end: number }

/**
 * @param leaveOut names of tensors that are not wanted; they are checked but not converted.
 * @throws AppError WEIGHTS_CORRUPT saying what is wrong, for which tensor; WEIGHTS_UNSUPPORTED for a number type that is not
 * read, or whole numbers that f32 does not hold.
 */
export function readSafetensors(bytes: Uint8Array, leaveOut: (name: string) => boolean = () => false): TensorFile {
  if (bytes.length < 8) throw corrupt("a file of at least 8 bytes", bytes.length);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(Math.min(bytes.length - 8, MAX_HEADER_BYTES))) throw corrupt(`a header inside the file and of at most ${MAX_HEADER_BYTES} bytes`, length);
  const data = bytes.subarray(8 + Number(length));
  const header = parseHeader(bytes.subarray(8, 8 + Number(length)));
  const metadata = parseMetadata(header.__metadata__);
  const entries = Object.entries(header).filter(([name]) => name !== "__metadata__").map(([name, entry]) => parseEntry(name, entry));
  checkCover(entries, data.length);
  const wanted = entries.filter(({ name }) => !leaveOut(name));
  const tensors = new Map(wanted.map(({ name, dtype, shape, begin, end }): [string, NamedTensor] => [name, { shape, data: toFloat32(name, dtype, data.subarray(begin, end), fail) }]));
  return { tensors, metadata };
}

/** The same tensors always give the same bytes: order is the map's. @throws AppError WEIGHTS_CORRUPT when a shape does not fit its data. */
export function writeSafetensors(tensors: ReadonlyMap<string, NamedTensor>, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [["__metadata__", metadata]] : [];
  let end = 0;
  for (const [name, { shape, data }] of tensors) {
    if (volume(shape) !== data.length || name === "__metadata__") throw corrupt(`tensor ${name} to have ${volume(shape)} values and a name of its own`, data.length);
    header.push([name, { dtype: "F32", shape, data_offsets: [end, end + data.byteLength] }]);
    end += data.byteLength;
  }
  const text = `{${header.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`).join(",")}}`;
  const json = new TextEncoder().encode(text);
  const headerLength = Math.ceil(json.length / 8) * 8; // spaces to a multiple of 8, so that readers may map the tensors
  const bytes = new Uint8Array(8 + headerLength + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.fill(0x20, 8, 8 + headerLength);
  bytes.set(json, 8);
  let position = 8 + headerLength;
  for (const { data } of tensors.values()) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return bytes;
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (cause) {
    throw corrupt("a JSON header", (cause as Error).message);
  }
  if (!isRecord(header)) throw corrupt("an object as header", typeof header);
  const twice = findDuplicateKey(text);
  if (twice !== undefined) throw corrupt("distinct names", `${JSON.stringify(twice)} twice`);
  return header;
}

function parseMetadata(value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value) || !Object.values(value).every((v) => typeof v === "string")) throw corrupt("__metadata__ to map text to text", typeof value);
  return value as Record<string, string>;
}

function parseEntry(name: string, entry: unknown): Entry {
  if (!isRecord(entry)) throw corrupt(`tensor ${name} to be an object`, typeof entry);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isDtype(dtype)) throw fail("refused", `expected tensor ${name} to have one of the types ${DTYPES}, got ${String(dtype)}`);
  if (!isSizes(shape) || shape.length > MAX_RANK) throw corrupt(`tensor ${name} to have a shape of at most ${MAX_RANK} sizes`, JSON.stringify(shape));
  if (!isSizes(offsets) || offsets.length !== 2) throw corrupt(`tensor ${name} to have two data_offsets`, JSON.stringify(offsets));
  const [begin, end] = offsets as [number, number];
  // The product of sizes may exceed what f64 holds exactly; then it is far from any offset of a real file too.
  const size = bytesPerValue(dtype) * volume(shape);
  if (end - begin !== size) throw corrupt(`tensor ${name} [${shape.join(", ")}] of ${dtype} to take ${size} bytes`, end - begin);
  return { name, dtype, shape, begin, end };
}

/** The format demands: no holes, no overlaps, nothing after the last tensor. */
function checkCover(entries: readonly Entry[], length: number): void {
  let position = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== position) throw corrupt(`tensor ${name} to begin at ${position}`, begin);
    position = end;
  }
  if (position !== length) throw corrupt(`tensors to fill the ${length} bytes of data`, position);
}

function isRecord(value: unknown): value is Record<string, unknown> { return typeof value === "object" && value !== null && !Array.isArray(value); }

function corrupt(expected: string, got: unknown): AppError { return fail("damaged", `expected ${expected}, got ${String(got)}`); }
