/**
 * One process per data directory: PGlite has no lock of its own, and two processes on one directory lose writes
 * (electric-sql/pglite#1106). The lock is a file that names its owner. It is taken away only from an owner that is dead:
 * stealing it from a blocked but living one would corrupt the database.
 */
import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

import { AppError } from "./errors.ts";

export interface DirectoryLock { release(): void }

/** `birth` tells a process from a later one with the same number; null where the system does not say. */
const ownerSchema = z.object({ pid: z.number().int().positive(), birth: z.string().nullable() });
type Owner = z.output<typeof ownerSchema>;

const FILE = "lock";
/** Directories that this process has locked: its own lock must not look like that of a dead namesake. */
const held = new Set<string>();

/**
 * Makes the directory if need be and locks it until `release` or the end of the process, whatever ends it.
 *
 * @throws AppError DATA_DIR_LOCKED with `pid` and `directory`.
 */
export function lockDirectory(directory: string): DirectoryLock {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const real = realpathSync(directory);
  if (held.has(real)) throw locked(real, process.pid);
  const path = join(real, FILE);
  const mine = `${path}.${process.pid}.${randomBytes(6).toString("hex")}`;
  writeFileSync(mine, JSON.stringify({ pid: process.pid, birth: birthOf(process.pid) } satisfies Owner), { flag: "wx" });
  try {
    while (!link(mine, path)) reap(path, real);
  } finally {
    rmSync(mine, { force: true });
  }
  const inode = statSync(path).ino;
  held.add(real);
  let released = false;
  return {
    release() {
      if (released) return; // a second time it would free the lock of whoever came next
      released = true;
      held.delete(real);
      if (inodeOf(path) === inode) rmSync(path, { force: true });
    },
  };
}

/** A link appears with its content, so nobody ever reads a half-written owner. False: the lock is taken. */
function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Takes a dead owner's lock away. Returns when it is worth trying again. */
function reap(path: string, directory: string): void {
  const inode = inodeOf(path);
  const owner = readOwner(path, directory);
  if (inode === undefined || owner === undefined) return; // released meanwhile
  if (isAlive(owner)) throw locked(directory, owner.pid);
  const grave = `${path}.dead.${process.pid}.${randomBytes(6).toString("hex")}`;
  try {
    renameSync(path, grave);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return; // another process reaped it
    throw error;
  }
  // Between reading and renaming, another process may have reaped the dead lock and made its own: give that back.
  if (inodeOf(grave) !== inode) link(grave, path);
  rmSync(grave, { force: true });
}

function readOwner(path: string, directory: string): Owner | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return ownerSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new AppError("DATA_DIR_LOCKED", `data directory ${directory}: expected ${FILE} to name a process, got ${JSON.stringify(text.slice(0, 80))}; delete it if no Lorenz uses the directory`, { directory }, { cause });
  }
}

function isAlive({ pid, birth }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // it is there but not ours
  }
  const now = birthOf(pid);
  return birth === null || now === null || birth === now;
}

/**
 * Linux: boot and start time of the process, so that a number that is used again (after a reboot, or in a container,
 * where the server often has the same small one) is not taken for the old owner. See proc(5), field 22 of stat.
 */
function birthOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}:${started}`;
  } catch {
    return null;
  }
}

function inodeOf(path: string): number | undefined { return statSync(path, { throwIfNoEntry: false })?.ino; }

function locked(directory: string, pid: number): AppError {
  return new AppError("DATA_DIR_LOCKED", `data directory ${directory}: expected it free, got process ${pid} using it; stop that process or set LORENZ_DATA to another directory`, { directory, pid });
}
