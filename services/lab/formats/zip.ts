import { crc32, inflateRawSync } from "node:zlib";
import { type Entry, fromBufferPromise, openPromise, type ZipFile } from "yauzl";

import { AppError } from "../../common/errors.ts";
import type { Fail } from "./fail.ts";

/**
 * The members of a zip archive, checked as a whole before any is read: yauzl reads the directory; what it leaves to its
 * caller is checked here (members that overlap or repeat a name, archives that unpack to far more than they are).
 */

/** Where a member lies; it is not read yet. */
export interface ZipMember {
  readonly name: string;
  /** Unpacked. */
  readonly bytes: number;
  /** In the archive: position and number of its packed bytes. */
  readonly start: number;
  readonly packedBytes: number;
  readonly deflated: boolean;
  readonly crc32: number;
}

const MAX_MEMBERS = 100_000;
/** Unpacked size of all members by the size of the archive, from a few MiB on. Weights and images hardly shrink; only bombs go beyond. */
const MAX_EXPANSION = 16;
const SMALL_BYTES = 2 ** 24;
const ENCRYPTED = 1;

/** @param source the archive, or the path of one. @returns members by name. */
export async function listZip(source: Uint8Array | string, fail: Fail): Promise<ReadonlyMap<string, ZipMember>> {
  try {
    const zip = typeof source === "string" ? await openPromise(source) : await fromBufferPromise(Buffer.from(source.buffer, source.byteOffset, source.length));
    try {
      return await listMembers(zip, fail);
    } finally {
      zip.close();
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw fail("damaged", `expected a whole zip archive, got: ${(cause as Error).message}`);
  }
}

/** @param packed the archive's bytes from `start`, `packedBytes` long. @returns the member; the same bytes where it is stored as it is. */
export function unpackMember(member: ZipMember, packed: Uint8Array, fail: Fail): Uint8Array {
  const bytes = member.deflated ? inflate(member, packed, fail) : packed;
  if (bytes.length !== member.bytes || crc32(bytes) !== member.crc32) throw fail("damaged", `member ${member.name}: expected ${member.bytes} bytes with checksum ${member.crc32}, got ${bytes.length} with ${crc32(bytes)}; copy or save the file again`);
  return bytes;
}

async function listMembers(zip: ZipFile, fail: Fail): Promise<ReadonlyMap<string, ZipMember>> {
  if (zip.entryCount > MAX_MEMBERS) throw fail("refused", `expected a zip archive of at most ${MAX_MEMBERS} members, got ${zip.entryCount}`);
  const members = new Map<string, ZipMember>();
  const spans: { readonly name: string; readonly start: number; readonly end: number }[] = [];
  for await (const entry of zip.eachEntry()) {
    const member = await locate(zip, entry, fail);
    if (members.has(member.name)) throw fail("damaged", `expected a zip archive of distinct names, got ${JSON.stringify(member.name)} twice`);
    members.set(member.name, member);
    spans.push({ name: member.name, start: entry.relativeOffsetOfLocalHeader, end: member.start + member.packedBytes });
  }
  checkOverlap(spans, fail);
  const unpacked = [...members.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  const limit = Math.max(SMALL_BYTES, MAX_EXPANSION * zip.fileSize);
  if (unpacked > limit) throw fail("refused", `expected a zip archive of ${zip.fileSize} bytes to unpack to at most ${limit}, got ${unpacked}`);
  return members;
}

async function locate(zip: ZipFile, entry: Entry, fail: Fail): Promise<ZipMember> {
  const { fileName: name, generalPurposeBitFlag: flags, compressionMethod: method } = entry;
  if ((flags & ENCRYPTED) !== 0) throw fail("refused", `member ${name}: expected no encryption`);
  if (method !== 0 && method !== 8) throw fail("refused", `member ${name}: expected it stored or deflated, got compression method ${method}; pack it again without`);
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  return { name, bytes: entry.uncompressedSize, start: fileDataStart, packedBytes: entry.compressedSize, deflated: method === 8, crc32: entry.crc32 };
}

/** Members that share bytes make bombs of any size from one piece. */
function checkOverlap(spans: { readonly name: string; readonly start: number; readonly end: number }[], fail: Fail): void {
  spans.sort((a, b) => a.start - b.start);
  for (let i = 1; i < spans.length; i++) {
    const [before, span] = [spans[i - 1]!, spans[i]!];
    if (span.start < before.end) throw fail("damaged", `expected members of the zip archive apart from each other, got ${span.name} inside ${before.name}`);
  }
}

function inflate(member: ZipMember, packed: Uint8Array, fail: Fail): Uint8Array {
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, member.bytes) });
  } catch (cause) {
    throw fail("damaged", `member ${member.name}: expected deflated bytes of ${member.bytes}, got: ${(cause as Error).message}`);
  }
}
