/**
 * Files on their way into the blob folder. <folder>/.uploads/<sha256> holds the first bytes of a file that was interrupted,
 * for whoever goes on with it. While bytes arrive, the file has a name of its own: two clients that bring the same file,
 * through whatever processes, never write to one file, and whoever goes on takes the interrupted one away by renaming it.
 */
import { createHash, type Hash, randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import { blobPath, publishBlob } from "./blob-files.ts";
import type { Clock } from "./clock.ts";
import { AppError } from "./errors.ts";

export interface UploadPart {
  /** Where the bytes belong; above 0 it must be where the stored ones end. */
  readonly first: number;
  /** Where they end, and the length of the whole file. Absent: the end of the bytes is the end of the file. */
  readonly end?: number;
  readonly total?: number;
  /** Limit of the whole file. */
  readonly maxBytes: number;
}

export interface Received {
  /** Bytes of the file that are stored now. */
  readonly bytes: number;
  /** Puts the complete and checked file into its place. Absent while there are bytes to come. */
  readonly publish?: () => Promise<void>;
  /** Instead of `publish`: drops the file. */
  readonly discard?: () => Promise<void>;
}

/** How many bytes of an interrupted upload are kept: where to go on. */
export async function keptBytes(folder: string, sha256: string): Promise<number> { return await sizeOf(keptPath(folder, sha256)) ?? 0; }

/**
 * Stores bytes as they come, hashing them on the way; holds one chunk in memory. When the source breaks, what has arrived is
 * kept; after any other failure nothing is.
 *
 * @throws AppError NOT_FOUND (no hash); CONFLICT with `details.offset` when `first` is not where the kept bytes end;
 *   UPLOAD_TOO_LARGE; STORAGE_FULL; INVALID_INPUT when the hash or the length is another. Whatever the source throws.
 */
export async function receiveUpload(folder: string, sha256: string, source: AsyncIterable<Uint8Array>, part: UploadPart): Promise<Received> {
  const kept = keptPath(folder, sha256);
  const path = `${kept}.${randomBytes(8).toString("hex")}`;
  await mkdir(uploadsFolder(folder), { recursive: true });
  const file = await begin(kept, path, part.first);
  try {
    const hash = createHash("sha256");
    if (part.first > 0) await hashFile(path, hash);
    const bytes = await append(file, source, hash, part);
    if (part.total !== undefined && bytes < part.total) {
      await keep(path, kept, bytes);
      return { bytes };
    }
    const actual = hash.digest("hex");
    if (actual !== sha256) throw new AppError("INVALID_INPUT", `sha256: expected bytes that hash to ${sha256}, got ${bytes} bytes that hash to ${actual}; nothing was kept`, { field: "sha256" });
    await atDisk(() => file.sync());
    return { bytes, publish: () => publishBlob(folder, sha256, path), discard: () => rm(path, { force: true }) };
  } catch (error) {
    if (error instanceof AppError) await rm(path, { force: true });
    else await keep(path, kept, (await sizeOf(path)) ?? 0); // the client went away; it may come back
    throw error;
  } finally {
    await file.close();
  }
}

/** Removes what was interrupted longer than `ageMs` ago, and what a process that died was receiving. @returns how many files. */
export async function sweepUploadFiles(folder: string, ageMs: number, clock: Clock): Promise<number> {
  let count = 0;
  for (const name of await readdir(uploadsFolder(folder)).catch(() => [])) {
    const path = join(uploadsFolder(folder), name);
    const age = await stat(path).then(({ mtimeMs }) => clock.now() - mtimeMs, () => 0);
    if (age <= ageMs) continue;
    await rm(path, { force: true });
    count++;
  }
  return count;
}

function uploadsFolder(folder: string): string { return join(folder, ".uploads"); }

function keptPath(folder: string, sha256: string): string {
  blobPath(folder, sha256); // refuses what is no hash
  return join(uploadsFolder(folder), sha256);
}

/** An empty file of our own, or the kept one under our name. */
async function begin(kept: string, path: string, first: number): Promise<FileHandle> {
  if (first === 0) return atDisk(() => open(path, "wx", 0o644));
  await rename(kept, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") throw wrongOffset(first, 0);
    throw error;
  });
  const size = await sizeOf(path) ?? 0;
  if (size === first) return open(path, "a");
  await keep(path, kept, size);
  throw wrongOffset(first, size);
}

function wrongOffset(first: number, offset: number): AppError {
  return new AppError("CONFLICT", `Content-Range: expected bytes from ${offset} on, got ${first}; HEAD tells in Upload-Offset how much is stored`, { field: "Content-Range", offset });
}

/** Of two interrupted uploads of one file the longer is kept. */
async function keep(path: string, kept: string, bytes: number): Promise<void> {
  if (bytes > 0 && bytes > (await sizeOf(kept) ?? 0)) await rename(path, kept);
  else await rm(path, { force: true });
}

async function hashFile(path: string, hash: Hash): Promise<void> {
  const file = await open(path, "r");
  for await (const chunk of file.createReadStream()) hash.update(chunk as Uint8Array);
}

async function append(file: FileHandle, source: AsyncIterable<Uint8Array>, hash: Hash, { first, end, maxBytes }: UploadPart): Promise<number> {
  let bytes = first;
  for await (const chunk of source) {
    bytes += chunk.byteLength;
    if (end !== undefined && bytes > end) throw new AppError("INVALID_INPUT", `body: expected ${end - first} bytes, as Content-Range says, got more`, { field: "Content-Range" });
    if (bytes > maxBytes) throw tooLarge(bytes, maxBytes);
    hash.update(chunk);
    await atDisk(() => writeAll(file, chunk));
  }
  return bytes;
}

export function tooLarge(bytes: number, maxBytes: number): AppError {
  return new AppError("UPLOAD_TOO_LARGE", `body: expected at most ${maxBytes} bytes, got ${bytes} or more; LORENZ_MAX_UPLOAD_BYTES sets the limit`, { field: "body", maxBytes });
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength;) at += (await file.write(chunk, at)).bytesWritten;
}

const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** A failure of the disk as an AppError, to tell it from one of the source. */
async function atDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (FULL.has(code ?? "")) throw new AppError("STORAGE_FULL", `upload: expected room for the file, got ${code}; free some space where LORENZ_DATA lies; nothing was kept`, {}, { cause });
    throw new AppError("INTERNAL", `upload: ${message}`, {}, { cause });
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(({ size }) => size, (error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}
