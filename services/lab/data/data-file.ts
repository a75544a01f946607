import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { gunzipSync, type Zlib } from "node:zlib";

import { AppError } from "../../common/errors.ts";

/** Reading files that somebody else made: every size is checked before memory is taken for it. */

/** @param position byte (for JSON: element) in the file at which it stops being what its format says. */
export function corrupt(file: string, position: number, expected: string, got: unknown): AppError {
  return new AppError("DATASET_CORRUPT", `${file} at ${position}: expected ${expected}, got ${String(got)}; fetch the file again`, { file, position });
}

/**
 * The bytes of a regular file, unpacked when its name ends in .gz.
 *
 * @param maxBytes upper limit of the file and of what it unpacks to.
 * @throws AppError DATASET_UNAVAILABLE when it cannot be read; DATASET_CORRUPT when it is too large or no whole gzip file.
 */
export function readDataFile(file: string, maxBytes: number): Uint8Array {
  const bytes = readWhole(file, maxBytes);
  return file.endsWith(".gz") ? unpack(file, bytes, maxBytes) : bytes;
}

function readWhole(file: string, maxBytes: number): Uint8Array {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch (cause) {
    throw new AppError("DATASET_UNAVAILABLE", `${file}: expected a readable file, got ${(cause as NodeJS.ErrnoException).code}`, { file }, { cause });
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
