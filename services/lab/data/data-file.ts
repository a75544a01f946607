import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { gunzipSync, type Zlib } from "node:zlib";

import { AppError } from "../../common/errors.ts";
import type { Fail } from "../formats/fail.ts";

/** Reading files that somebody else made: every size is checked before memory is taken for it. */

/** Not waiting: to open a pipe would otherwise last until somebody writes to it. */
const READ = constants.O_RDONLY | constants.O_NONBLOCK;

/** @param position byte (for JSON: element) in the file at which it stops being what its format says. */
export function corrupt(file: string, position: number, expected: string, got: unknown): AppError {
  return new AppError("DATASET_CORRUPT", `${file} at ${position}: expected ${expected}, got ${String(got)}; fetch the file again`, { file, position });
}

/** For the readers of services/lab/formats. */
export function failOf(file: string): Fail {
  return (problem, message) => new AppError("DATASET_CORRUPT", `${file}: ${message}${problem === "damaged" ? "; fetch the file again" : ""}`, { file });
}

/**
 * The bytes of a regular file, unpacked when its name ends in .gz or it begins as such files do (uploads have no names).
 *
 * @param maxBytes upper limit of the file and of what it unpacks to.
 * @throws AppError DATASET_UNAVAILABLE when it cannot be read; DATASET_CORRUPT when it is too large or no whole gzip file.
 */
export function readDataFile(file: string, maxBytes: number): Uint8Array {
  const bytes = readWhole(file, maxBytes);
  return file.endsWith(".gz") || isGzip(bytes) ? unpack(file, bytes, maxBytes) : bytes;
}

export function isGzip(bytes: Uint8Array): boolean { return bytes[0] === 0x1f && bytes[1] === 0x8b; }

/** The bytes of a regular file as they are. @throws as `readDataFile`. */
export function readWhole(file: string, maxBytes: number): Uint8Array {
  let descriptor: number;
  try {
    descriptor = openSync(file, READ);
  } catch (cause) {
    throw unreadable(file, cause);
  }
  try {
    const { size } = fstatSync(descriptor);
    if (!fstatSync(descriptor).isFile()) throw new AppError("DATASET_UNAVAILABLE", `${file}: expected a regular file`, { file });
    if (size > maxBytes) throw corrupt(file, maxBytes, `at most ${maxBytes} bytes`, size);
    const bytes = new Uint8Array(size);
    let read = 0;
    while (read < size) {
      const count = readSync(descriptor, bytes, read, size - read, read);
      if (count === 0) throw corrupt(file, read, `${size} bytes`, `${read}: it was cut while it was read`);
      read += count;
    }
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

/**
 * `length` bytes from each of `positions` on, in one array: for files too large to be held.
 *
 * @throws AppError DATASET_UNAVAILABLE when it cannot be read; DATASET_CORRUPT when it ends earlier.
 */
export async function readPieces(file: string, positions: readonly number[], length: number): Promise<Uint8Array> {
  return withFile(file, async (handle) => {
    const bytes = new Uint8Array(positions.length * length);
    for (const [i, position] of positions.entries()) {
      for (let read = 0; read < length;) {
        const { bytesRead } = await handle.read(bytes, i * length + read, length - read, position + read);
        if (bytesRead === 0) throw corrupt(file, position + read, `${length} bytes from ${position} on`, `the file's end`);
        read += bytesRead;
      }
    }
    return bytes;
  });
}

/** @throws AppError DATASET_UNAVAILABLE unless it is a regular file. */
export async function fileBytes(file: string): Promise<number> {
  return withFile(file, async (handle) => (await handle.stat()).size);
}

async function withFile<T>(file: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, READ);
    if (!(await handle.stat()).isFile()) throw new AppError("DATASET_UNAVAILABLE", `${file}: expected a regular file`, { file });
    return await use(handle);
  } catch (cause) {
    throw cause instanceof AppError ? cause : unreadable(file, cause);
  } finally {
    await handle?.close();
  }
}

export function unreadable(file: string, cause: unknown): AppError {
  return new AppError("DATASET_UNAVAILABLE", `${file}: expected a readable file or folder, got ${(cause as NodeJS.ErrnoException).code}`, { file }, { cause });
}

function unpack(file: string, packed: Uint8Array, maxBytes: number): Uint8Array {
  let result: { buffer: Buffer; engine: Zlib };
  try {
    result = gunzipSync(packed, { maxOutputLength: maxBytes, info: true }) as unknown as { buffer: Buffer; engine: Zlib };
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ERR_BUFFER_TOO_LARGE") throw corrupt(file, 0, `at most ${maxBytes} bytes when unpacked`, "more");
    throw corrupt(file, packed.length, "a whole gzip file", message);
  }
  const used = result.engine.bytesWritten; // bytes of the file that belonged to the stream
  if (used !== packed.length) throw corrupt(file, used, "the end of the file", `${packed.length - used} more bytes`);
  return result.buffer;
}
