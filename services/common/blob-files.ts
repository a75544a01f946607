/**
 * Content-addressed files: <folder>/ab/cdef… holds the bytes whose sha256 is abcdef…. Written once, never changed, so a
 * file that is there is complete. The only code that turns a hash into a path.
 */
import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";

import { systemClock } from "./clock.ts";
import { AppError } from "./errors.ts";

export interface StoredBlob { readonly sha256: string; readonly bytes: number; readonly contentType: string }

const SHA256 = /^[0-9a-f]{64}$/;

export function blobFolder(dataDir: string): string { return join(dataDir, "blobs"); }

/**
 * Where the blob lies, whether or not it exists. Lower-case hex only, so no hash can name a file outside `folder`.
 *
 * @throws AppError NOT_FOUND when `sha256` is not a hash.
 */
export function blobPath(folder: string, sha256: string): string {
  if (!SHA256.test(sha256)) throw new AppError("NOT_FOUND", `blob: expected 64 lower-case hex digits, got ${JSON.stringify(sha256.slice(0, 80))}`);
  return join(folder, sha256.slice(0, 2), sha256.slice(2));
}

/** Stores the bytes if they are new. When this returns they survive a crash of the process and of the machine. */
export async function writeBlob(folder: string, bytes: Uint8Array, contentType: string): Promise<StoredBlob> {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const blob = { sha256, bytes: bytes.byteLength, contentType };
  const path = blobPath(folder, sha256);
  if (await sizeOf(path) === bytes.byteLength && await touch(path)) return blob;
  // In the folder itself: a rename is atomic only within one file system.
  const temporary = join(folder, `.${sha256.slice(0, 16)}.${process.pid}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    await writeDurably(temporary, bytes);
    await publishBlob(folder, sha256, temporary);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return blob;
}

/** It is about to be used, so it must not look like one that was left over. False: it has just gone. */
async function touch(path: string): Promise<boolean> {
  const now = systemClock.now() / 1000;
  return utimes(path, now, now).then(() => true, (error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return false;
    throw error;
  });
}

/** Moves a complete file, whose bytes were hashed and synced, to its place; it must lie on the same file system. */
export async function publishBlob(folder: string, sha256: string, from: string): Promise<void> {
  const path = blobPath(folder, sha256);
  await mkdir(dirname(path), { recursive: true });
  await rename(from, path);
  await syncFolder(dirname(path));
}

/** Hashes of the files that lie there and were last written or asked for before `time` (ms since 1970). */
export async function* blobsOlderThan(folder: string, time: number): AsyncGenerator<string> {
  for (const start of await readdir(folder).catch(() => [])) {
    if (!/^[0-9a-f]{2}$/.test(start)) continue;
    for (const rest of await readdir(join(folder, start))) {
      if (SHA256.test(start + rest) && await isOlderThan(folder, start + rest, time)) yield start + rest;
    }
  }
}

/** Whether the file is there and was last written or asked for before `time` (ms since 1970). */
export async function isOlderThan(folder: string, sha256: string, time: number): Promise<boolean> { return writtenBefore(blobPath(folder, sha256), time); }

/** Removes what a process that was killed had begun to write before `time`. */
export async function removeUnfinished(folder: string, time: number): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (name.startsWith(".") && name.endsWith(".tmp") && await writtenBefore(join(folder, name), time)) await rm(join(folder, name), { force: true });
  }
}

async function writtenBefore(path: string, time: number): Promise<boolean> { return stat(path).then(({ mtimeMs }) => mtimeMs < time, () => false); }

/**
 * A handle for reading, with the size; the caller closes it.
 *
 * @throws AppError NOT_FOUND.
 */
export async function openBlob(folder: string, sha256: string): Promise<{ readonly file: FileHandle; readonly bytes: number }> {
  const file = await open(blobPath(folder, sha256), "r").catch(asNotFound(sha256));
  try {
    return { file, bytes: (await file.stat()).size };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * The blob's bytes, checked against its hash.
 *
 * @throws AppError NOT_FOUND, BLOB_CORRUPT.
 */
export async function readBlob(folder: string, sha256: string): Promise<Uint8Array> {
  const path = blobPath(folder, sha256);
  const bytes = await readFile(path).catch(asNotFound(sha256));
  const actual = createHash("sha256").update(bytes).digest("hex");
  if (actual !== sha256) throw corrupt(path, `bytes that hash to ${sha256}`, actual);
  return bytes;
}

/**
 * Reads the whole file and compares its hash.
 *
 * @throws AppError NOT_FOUND, BLOB_CORRUPT.
 */
export async function verifyBlob(folder: string, sha256: string): Promise<void> { await readBlob(folder, sha256); }

/**
 * Whether the file is there in full, without reading it.
 *
 * @throws AppError BLOB_CORRUPT when it is missing or has another size.
 */
export async function requireBlob(folder: string, blob: Pick<StoredBlob, "sha256" | "bytes">): Promise<void> {
  const path = blobPath(folder, blob.sha256);
  const size = await sizeOf(path);
  if (size !== blob.bytes) throw corrupt(path, `${blob.bytes} bytes`, size === undefined ? "no file" : `${size} bytes`);
}

/** Nothing when it is not there. */
export async function removeBlob(folder: string, sha256: string): Promise<void> { await rm(blobPath(folder, sha256), { force: true }); }

function corrupt(path: string, expected: string, got: string): AppError {
  return new AppError("BLOB_CORRUPT", `blob ${path}: expected ${expected}, got ${got}`, { path });
}

function asNotFound(sha256: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    if (error.code === "ENOENT") throw new AppError("NOT_FOUND", `blob: none with sha256 ${sha256}`, { sha256 }, { cause: error });
    throw error;
  };
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx", 0o644);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The rename itself is durable only once the folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
