import type { RunConfig } from "./run-config.ts";

/** A file or folder that a run reads, and where its config names it. */
export interface FileUse { readonly at: readonly (string | number)[]; readonly sha256?: string; readonly path?: string }

/** Fields that hold a local path: `path` of a file reference, folders of a data set. */
const LOCAL = new Set(["path", "root", "train", "test"]);

/** Every upload and local path that a run names, in order. */
export function filesOf(config: RunConfig): readonly FileUse[] {
  if (config.kind === "import-model" || config.kind === "register-dataset") return usesIn(config.from, ["from"]);
  return config.kind === "predict" && config.images.kind === "files" ? usesIn(config.images.files, ["images", "files"]) : [];
}

/** Hashes of the uploads that a run reads. */
export function uploadsOf(config: RunConfig): readonly string[] { return filesOf(config).flatMap(({ sha256 }) => sha256 ?? []); }

function usesIn(value: unknown, at: readonly (string | number)[]): FileUse[] {
  if (Array.isArray(value)) return value.flatMap((item, i) => usesIn(item, [...at, i]));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, item]) => {
    const here = [...at, name];
    if (typeof item !== "string") return usesIn(item, here);
    return name === "sha256" ? [{ at: here, sha256: item }] : LOCAL.has(name) ? [{ at: here, path: item }] : [];
  });
}
