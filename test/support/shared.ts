import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { readSafetensors } from "../../services/lab/models/weights/safetensors.ts";
import type { TensorFile } from "../../services/lab/models/weights/tensor-file.ts";
import { type Npy, readNpy } from "./npy.ts";

/** Reference values and checkpoints that are too large to commit. */
const root = process.env.LORENZ_SHARED ?? fileURLToPath(new URL("../../../shared", import.meta.url));

/** Why a test that needs them cannot run, or undefined. */
export function sharedMissing(): string | undefined {
  const missing = ["goldens/index.json", "models/cifar10"].filter((path) => !existsSync(join(root, path)));
  return missing.length === 0 ? undefined : `needs shared goldens: set LORENZ_SHARED (no ${missing.join(", ")} under ${root})`;
}

/** Data sets and pictures to read. */
export const sharedData = join(root, "data");
export function sharedDataMissing(): string | undefined {
  return existsSync(join(sharedData, "imagenette-val-200")) ? undefined : `needs shared data: set LORENZ_SHARED (no data/imagenette-val-200 under ${root})`;
}

export function sharedPath(path: string): string { return join(root, path); }
export function sharedFile(path: string): Uint8Array { return readFileSync(join(root, path)); }
export function golden(path: string): Npy { return readNpy(join(root, "goldens", path)); }
export function cifarCheckpoint(name: string): TensorFile { return readSafetensors(readFileSync(join(root, "models/cifar10", `${name}.safetensors`))); }

/** What is known of a golden file: its distance to the same computation in float64, its largest value. */
export interface GoldenEntry { readonly file: string; readonly float64_rel_l2_worst_image?: number; readonly float64_max_abs_diff?: number; readonly scale_max_abs?: number }
export function goldenEntry(path: string): GoldenEntry {
  const { files } = JSON.parse(readFileSync(join(root, "goldens/index.json"), "utf8")) as { files: readonly GoldenEntry[] };
  const entry = files.find(({ file }) => file === path);
  if (!entry) throw new Error(`goldens/index.json: expected an entry for ${path}`);
  return entry;
}
