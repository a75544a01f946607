import { EngineError } from "../errors.ts";

const BLOCK = 512;
/** More entries than this in an archive of a handful of files mean that it is not ours. */
const MAX_ENTRIES = 1000;

/**
 * The wanted files out of an uncompressed tar archive (POSIX ustar or GNU). Trusts nothing: header checksums, sizes and
 * the closing block are checked, names are compared whole (so no name can lead out of a folder), and links, duplicates
 * and everything not wanted are never followed.
 *
 * @throws EngineError NO_ADAPTER (its only use is finding an adapter) naming the offset and what is wrong.
 */
export function readTar(archive: Buffer, wanted: readonly string[]): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  let offset = 0;
  for (let entry = 0; ; entry++) {
    if (entry === MAX_ENTRIES) throw damaged(offset, `expected at most ${MAX_ENTRIES} entries, got more`);
    if (offset + BLOCK > archive.length) throw damaged(offset, "expected an entry or the closing block, got the end of the file");
    const header = archive.subarray(offset, offset + BLOCK);
    if (header.every((byte) => byte === 0)) break;
    const { name, size, type } = readHeader(header, offset);
    const body = offset + BLOCK;
    if (size > archive.length - body) throw damaged(offset, `expected ${size} bytes of ${JSON.stringify(name)}, got ${archive.length - body}`);
    if (wanted.includes(name)) {
      if (type !== "0" && type !== "\0") throw damaged(offset, `expected ${name} to be a file, got an entry of type ${JSON.stringify(type)}`);
      if (files.has(name)) throw damaged(offset, `expected ${name} once, got it again`);
      if (size === 0) throw damaged(offset, `expected ${name} to have content, got none`);
      files.set(name, archive.subarray(body, body + size));
    }
    offset = body + Math.ceil(size / BLOCK) * BLOCK;
  }
  const missing = wanted.filter((name) => !files.has(name));
  if (missing.length > 0) throw damaged(offset, `expected ${wanted.join(", ")}; ${missing.join(", ")} missing`);
  return files;
}

/** The fields of POSIX pax(1), "ustar Interchange Format". */
function readHeader(header: Buffer, offset: number): { name: string; size: number; type: string } {
  if (text(header, 257, 5) !== "ustar") throw damaged(offset, `expected a ustar header, got ${JSON.stringify(text(header, 257, 5))}`);
  const stated = octal(header, 148, 8, offset, "checksum");
  const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
  if (stated !== sum) throw damaged(offset, `expected a header with checksum ${stated}, got ${sum}`);
  const posix = header[262] === 0; // GNU writes a space there and keeps other things where POSIX has the prefix
  const prefix = posix ? text(header, 345, 155) : "";
  const name = text(header, 0, 100);
  return { name: prefix === "" ? name : `${prefix}/${name}`, size: octal(header, 124, 12, offset, "size"), type: header.toString("latin1", 156, 157) };
}

function text(header: Buffer, start: number, length: number): string {
  const field = header.toString("latin1", start, start + length);
  const end = field.indexOf("\0");
  return end < 0 ? field : field.slice(0, end);
}

function octal(header: Buffer, start: number, length: number, offset: number, what: string): number {
  const digits = text(header, start, length).trim();
  if (!/^[0-7]+$/.test(digits)) throw damaged(offset, `expected an octal ${what}, got ${JSON.stringify(digits)}`);
  return Number.parseInt(digits, 8);
}

function damaged(offset: number, what: string): EngineError {
  return new EngineError("NO_ADAPTER", `tar archive at byte ${offset}: ${what}`);
}
