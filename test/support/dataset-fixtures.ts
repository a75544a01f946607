import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { type DatasetSource, datasetSourceSchema, type ImageTransform } from "../../schema/jobs/dataset.ts";
import type { FileRef } from "../../schema/jobs/file-ref.ts";
import { AppError } from "../../services/common/errors.ts";
import type { Dataset } from "../../services/lab/data/dataset.ts";
import { openDataset, type OpenOptions } from "../../services/lab/data/open-dataset.ts";

/** test/fixtures/datasets: made by make-datasets.py, which says what with. */
export const FIXTURES = fileURLToPath(new URL("../fixtures/datasets", import.meta.url));

/** What torchvision makes of a picture. */
export interface PictureReference { readonly file: string; readonly transform: Partial<ImageTransform>; readonly shape: readonly number[]; readonly sha256: string }
export function pictureReferences(which: "own" | "shared"): PictureReference[] {
  return (JSON.parse(readFileSync(join(FIXTURES, "reference.json"), "utf8")) as Record<"own" | "shared", PictureReference[]>)[which];
}

/** What torchvision says of the shared 200 images of Imagenette, resized to 256 and cut to 224. */
export interface ImagenetteReference { readonly wnids: readonly string[]; readonly mean: readonly number[]; readonly std: readonly number[] }
export function imagenetteReference(): ImagenetteReference {
  return (JSON.parse(readFileSync(join(FIXTURES, "reference.json"), "utf8")) as { imagenette: [ImagenetteReference] }).imagenette[0];
}

/** Everything by its path; uploads there are none. */
export function locate(ref: FileRef): Promise<string> {
  return "path" in ref ? Promise.resolve(ref.path) : Promise.reject(new AppError("NOT_FOUND", "no uploads here"));
}

type Input = Parameters<typeof datasetSourceSchema.parse>[0];
export function parseSource(source: Input): DatasetSource { return datasetSourceSchema.parse(source); }

/** As a run that registers it does. */
export function open(source: Input, options: Partial<OpenOptions> = {}): Promise<Dataset> {
  return openDataset(parseSource(source), { name: "brought", title: "brought", licence: "", source: "" }, { locate, ...options });
}

/** A new folder and what removes it. */
export function temporaryFolder(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "lorenz-data-"));
  return { folder, remove: () => rmSync(folder, { recursive: true }) };
}
