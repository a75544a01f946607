import { constants } from "node:fs";
import { open } from "node:fs/promises";

import { AppError } from "../common/errors.ts";

/** Not waiting: to open a pipe would otherwise last until somebody writes to it. */
const READ = constants.O_RDONLY | constants.O_NONBLOCK;

export interface ReadLimits {
  /** Where the config names the file, for the error. */
  readonly field: string;
  readonly maxBytes: number;
  /** What to do about a file that is larger. */
  readonly advice: string;
}

/**
 * The bytes of a regular file that a run names; its size is looked at before memory is taken.
 *
 * @throws AppError INVALID_INPUT for a folder, a device, a file that is too large or that may not be read.
 */
export async function readRegularFile(path: string, { field, maxBytes, advice }: ReadLimits): Promise<Uint8Array> {
  const refuse = (expected: string, cause?: unknown): AppError => new AppError("INVALID_INPUT", `${field}: expected ${expected}`, { field }, { cause });
  const handle = await open(path, READ).catch((error: NodeJS.ErrnoException) => { throw refuse(`a file that can be read, got ${error.code}`, error); });
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw refuse(`a file, got ${stats.isDirectory() ? "a folder" : "a device or pipe"}`);
    if (stats.size > maxBytes) throw refuse(`at most ${maxBytes} bytes, got ${stats.size}; ${advice}`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
