import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";

import { logger } from "../common/log.ts";
import { shadersFolder } from "../common/paths.ts";
import type { AdapterInfo } from "../engine/gpu/device.ts";
import { isAbout, judged, type Verdict, type Verdicts } from "../engine/tune/verdict.ts";

/** What verdicts depend on, besides the candidates that each of them names. */
export interface TunedDevice {
  /** The description has the driver's version. */
  readonly adapter: AdapterInfo;
  readonly dawn: string;
  /** shadersHash() */
  readonly shaders: string;
}

const name = z.string().min(1).max(200);
const verdictSchema = z.strictObject({ faster: name.nullable(), ms: z.record(name, z.number().min(0)), refused: z.record(name, z.string().max(1000)) })
  .refine(({ faster, ms }) => faster === null || Object.hasOwn(ms, faster), "expected a variant that was timed");
const fileSchema = z.strictObject({ device: z.unknown(), verdicts: z.record(name, verdictSchema) });

/** A network has some fifty shape classes; the oldest go first. */
const MOST_VERDICTS = 2000;
/** Far more than MOST_VERDICTS take. */
const MOST_BYTES = 16 * 2 ** 20;
/** Adapters, drivers and versions of the shaders; those unused for longest go first. */
const MOST_FILES = 16;

/**
 * Verdicts of one device in a file of its own in `folder`, which may be lost at any time. Several processes may use it: each
 * replaces the file whole, by a rename, and keeps the verdicts that it finds there.
 */
export class TuningCache {
  readonly path: string;
  readonly #device: unknown;

  constructor(readonly folder: string, device: TunedDevice) {
    const text = JSON.stringify(device);
    this.#device = JSON.parse(text);
    this.path = join(folder, `${createHash("sha256").update(text).digest("hex").slice(0, 16)}.json`);
  }

  /** What is there; nothing, with a warning, when that cannot be read or is no file of this device. */
  load(): Map<string, Verdict> {
    try {
      const bytes = statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
      if (bytes === 0) return new Map();
      if (bytes > MOST_BYTES) throw new TypeError(`expected at most ${MOST_BYTES} bytes, got ${bytes}`);
      const { device, verdicts } = fileSchema.parse(JSON.parse(readFileSync(this.path, "utf8")));
      if (!isDeepStrictEqual(device, this.#device)) throw new TypeError("expected the verdicts of this device, got another's");
      return new Map(Object.entries(verdicts));
    } catch (error) {
      logger("tuning").warn({ path: this.path, err: error }, "ignored a tuning cache that cannot be used; it will be made anew");
      return new Map();
    }
  }

  /**
   * Adds verdicts to the file; where it has one about the same candidates, that one stays, so that all processes agree. A
   * folder that cannot be written costs the next process its time and is only warned of.
   *
   * @returns all that is in the file then.
   */
  add(verdicts: Verdicts): Map<string, Verdict> {
    const all = this.load();
    for (const [shape, verdict] of verdicts) {
      const there = all.get(shape);
      if (!there || !isAbout(there, judged(verdict))) all.set(shape, verdict);
    }
    for (const shape of [...all.keys()].slice(0, Math.max(0, all.size - MOST_VERDICTS))) all.delete(shape);
    try {
      this.#write(JSON.stringify({ device: this.#device, verdicts: Object.fromEntries(all) }, null, 1));
    } catch (error) {
      logger("tuning").warn({ path: this.path, err: error }, "cannot write the tuning cache: the next process will tune again");
    }
    return all;
  }

  #write(text: string): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const temporary = `${this.path}.${process.pid}.${randomBytes(6).toString("hex")}.tmp`;
    try {
      writeFileSync(temporary, text, { flag: "wx" });
      renameSync(temporary, this.path);
    } finally {
      rmSync(temporary, { force: true });
    }
    const files = readdirSync(this.folder).map((file) => join(this.folder, file)).map((file) => ({ file, time: statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0 }));
    for (const { file } of files.sort((a, b) => b.time - a.time).slice(MOST_FILES)) rmSync(file, { force: true });
  }
}

/** Changes with any shader that a convolution may be made of. */
export function shadersHash(root: string = shadersFolder()): string {
  const hash = createHash("sha256");
  for (const family of ["conv", "lib"]) {
    for (const file of readdirSync(join(root, family)).sort()) hash.update(`${family}/${file}\n`).update(readFileSync(join(root, family, file)));
  }
  return hash.digest("hex");
}
