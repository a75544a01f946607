/**
 * The Vulkan driver of last resort: the SwiftShader in the optional npm package @sparticuz/chromium, unpacked once into a
 * cache folder, together with a Vulkan loader and a copy of the webgpu package that finds that loader. Knows files and
 * folders only; whether Dawn accepts the driver is adapter.ts's to find out. x64 Linux only, as the package is.
 */
import { createHash, randomBytes } from "node:crypto";
import { copyFileSync, existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { brotliDecompressSync } from "node:zlib";

import { EngineError } from "../errors.ts";
import { readTar } from "./tar.ts";

export interface SwiftShader {
  /** For VK_DRIVER_FILES and VK_ICD_FILENAMES. */
  readonly icd: string;
  /** A webgpu package whose dawn.node lies beside a libvulkan.so.1: for systems that have none. Dawn looks there first. */
  readonly webgpu: string;
}

/** What the unpacked folder is made from. */
export interface Sources {
  /** bin/swiftshader.tar.br of @sparticuz/chromium. */
  readonly archive: string;
  /** The root of the webgpu package. */
  readonly webgpu: string;
}

const DRIVER = ["libvk_swiftshader.so", "libvulkan.so.1", "vk_swiftshader_icd.json"] as const;
const NATIVE = join("dist", `${process.platform}-${process.arch}`);
/** All files of the folder but the manifest, which has a fingerprint of each. */
const FILES: readonly string[] = ["package.json", "index.js", ...[...DRIVER, "dawn.node"].map((name) => join(NATIVE, name))];
const MANIFEST = "manifest.json";
/** The archive holds 15 MB; one that unpacks to more than this is not what it says it is. */
const MAX_UNPACKED = 64 * 2 ** 20;
/** Lost races before giving up: every loss means that somebody else finished, so a second is already unlikely. */
const ATTEMPTS = 3;

/**
 * Unpacks, or finds what an earlier or a parallel process has unpacked; its content is checked each time and made anew
 * when anything is missing or differs.
 *
 * @param caches folders to try, best first; one that cannot be written, or that others can write, is passed over.
 * @throws EngineError NO_ADAPTER with the reason for every folder.
 */
export function unpackSwiftShader(caches: readonly string[], sources: Sources = findSources()): SwiftShader {
  const content = new Content(sources);
  const refused: string[] = [];
  for (const cache of caches) {
    try {
      const folder = place(content, cache);
      return { icd: join(folder, NATIVE, "vk_swiftshader_icd.json"), webgpu: join(folder, "index.js") };
    } catch (cause) {
      if (cause instanceof EngineError && cause.details.fatal === true) throw cause;
      refused.push((cause as Error).message);
    }
  }
  throw new EngineError("NO_ADAPTER", `expected a cache folder to unpack into, got none: ${refused.join("; ")}; set XDG_CACHE_HOME to a folder you can write`);
}

/** The configured cache folder, then one under the system's temporary folder that belongs to this user alone. */
export function cacheFolders(configured: string): string[] {
  return [configured, join(tmpdir(), `lorenz-${process.getuid?.() ?? "user"}`)];
}

/** @throws EngineError NO_ADAPTER on other platforms and when the optional package is not installed. */
export function findSources(): Sources {
  if (process.platform !== "linux" || process.arch !== "x64") throw unavailable(`expected x64 Linux, got ${process.platform} ${process.arch}; install a Vulkan driver`);
  const require = createRequire(import.meta.url);
  try {
    const archive = join("bin", "swiftshader.tar.br");
    return { archive: join(above(require.resolve("@sparticuz/chromium"), archive), archive), webgpu: above(require.resolve("webgpu"), "package.json") };
  } catch (cause) {
    throw unavailable("expected the optional package @sparticuz/chromium, it is not installed; run npm ci without --omit=optional", cause);
  }
}

/** Everything that goes into the folder, read from its sources only when it is needed. */
class Content {
  /** Names the folder, so that another version of either package gets another one. */
  readonly key: string;
  readonly #archive: Buffer;
  readonly #sources: Sources;

  constructor(sources: Sources) {
    this.#sources = sources;
    try {
      this.#archive = readFileSync(sources.archive);
      this.key = digest(this.#archive, readFileSync(join(sources.webgpu, "package.json")), readFileSync(join(sources.webgpu, "index.js"))).slice(0, 16);
    } catch (cause) {
      throw unavailable(`expected to read the installed packages, got ${(cause as Error).message}; run npm ci`, cause);
    }
  }

  /** Writes all files into an empty folder, the manifest last. */
  write(folder: string): void {
    const native = join(folder, NATIVE);
    mkdirSync(native, { recursive: true, mode: 0o700 });
    for (const [name, bytes] of this.#driver()) writeFileSync(join(native, name), bytes, { mode: 0o644 });
    for (const name of ["package.json", "index.js"]) copyFileSync(join(this.#sources.webgpu, name), join(folder, name));
    // Not a hard link: the dynamic linker takes a link for the library it has loaded before, with that one's folder.
    copyFileSync(join(this.#sources.webgpu, NATIVE, "dawn.node"), join(native, "dawn.node"));
    writeFileSync(join(folder, MANIFEST), JSON.stringify(fingerprints(folder), null, 2));
  }

  #driver(): Map<string, Buffer> {
    try {
      return readTar(brotliDecompressSync(this.#archive, { maxOutputLength: MAX_UNPACKED }), DRIVER);
    } catch (cause) {
      throw unavailable(`${this.#sources.archive}: ${(cause as Error).message}; install the package again`, cause);
    }
  }
}

/** @returns the folder, whole and checked. */
function place(content: Content, cache: string): string {
  const folder = join(cache, `swiftshader-${content.key}`);
  if (isPrivate(folder) && isWhole(folder)) return folder; // perhaps in a cache that we cannot write: good enough
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  if (!isPrivate(cache)) throw new EngineError("NO_ADAPTER", `${cache}: expected a folder that only this user can write`);
  const staging = join(cache, `staging-${process.pid}-${randomBytes(6).toString("hex")}`);
  try {
    content.write(staging);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (moveIfAbsent(staging, folder) || (isPrivate(folder) && isWhole(folder))) return folder;
      discard(folder, `${staging}-old`);
    }
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  throw new EngineError("NO_ADAPTER", `${folder}: expected to replace a damaged folder, others kept replacing it`);
}

/** Renaming a folder onto one that is not empty fails; this makes the rename the one moment at which the cache changes. */
function moveIfAbsent(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (cause) {
    if (["ENOTEMPTY", "EEXIST", "ENOTDIR"].includes((cause as NodeJS.ErrnoException).code ?? "")) return false;
    throw cause;
  }
}

/** Moves a damaged folder aside before deleting it, so that nobody sees it half deleted. Another process may be quicker. */
function discard(folder: string, aside: string): void {
  try {
    renameSync(folder, aside);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
  }
  rmSync(aside, { recursive: true, force: true });
}

/** What is loaded from here runs as this user, so nobody else may have written it: matters under a shared /tmp. */
function isPrivate(folder: string): boolean {
  const status = lstatSync(folder, { throwIfNoEntry: false });
  return status !== undefined && status.isDirectory() && (status.mode & 0o022) === 0 && [0, process.getuid?.()].includes(status.uid);
}

function isWhole(folder: string): boolean {
  try {
    return isDeepStrictEqual(JSON.parse(readFileSync(join(folder, MANIFEST), "utf8")), fingerprints(folder));
  } catch {
    return false; // absent, unreadable or not JSON: all the same to us, it is made anew
  }
}

/** Size and hash of every file; takes some 50 ms. */
function fingerprints(folder: string): Record<string, string> {
  return Object.fromEntries(FILES.map((name) => {
    const bytes = readFileSync(join(folder, name));
    return [name, `${bytes.length} ${digest(bytes)}`];
  }));
}

function digest(...parts: readonly Buffer[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/** The nearest folder above `file` that has `marker`. */
function above(file: string, marker: string): string {
  const folder = dirname(file);
  if (existsSync(join(folder, marker))) return folder;
  if (folder === file) throw new EngineError("NO_ADAPTER", `expected ${marker} in an installed package, got none`);
  return above(folder, marker);
}

/** `fatal`: another cache folder would not help. */
function unavailable(what: string, cause?: unknown): EngineError {
  return new EngineError("NO_ADAPTER", what, { fatal: true }, { cause });
}
