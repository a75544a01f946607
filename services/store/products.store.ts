import type { Products } from "../../schema/jobs/results.ts";
import type { RunKind } from "../../schema/jobs/run-config.ts";
import { invariant } from "../common/errors.ts";
import type { Db } from "./database.ts";
import { insertDataset } from "./datasets.store.ts";
import { insertImportedModel, insertModel } from "./models.store.ts";
import { addProduct } from "./run-files.store.ts";
import type { Ending, Run } from "./runs.store.ts";

/** What a run of the kind leaves behind besides results. */
const PRODUCT_OF: { readonly [K in RunKind]?: keyof Products } = { train: "model", "import-model": "importedModel", "register-dataset": "dataset", "export-model": "file" };

/** Stores what a run made. @returns how it ends. @throws AppError BLOB_CORRUPT; INVARIANT when it made something else than its kind does. */
export async function saveProduct(tx: Db, blobDir: string, { id, config }: Run, { model, importedModel, dataset, file }: Products): Promise<Ending> {
  const made = Object.entries({ model, importedModel, dataset, file }).filter(([, product]) => product !== undefined).map(([name]) => name);
  invariant(made.join() === (PRODUCT_OF[config.kind] ?? ""), `run ${id}: expected ${PRODUCT_OF[config.kind] ?? "no product"} of ${config.kind}, got ${made.join() || "none"}`);
  if (config.kind === "train" && model) return { status: "succeeded", modelId: await insertModel(tx, blobDir, id, config, model) };
  if (config.kind === "import-model" && importedModel) return { status: "succeeded", modelId: await insertImportedModel(tx, blobDir, id, config, importedModel) };
  if (config.kind === "register-dataset" && dataset && !await insertDataset(tx, id, config, dataset)) {
    return { status: "failed", code: "CONFLICT", message: `data set: expected a name that is not taken, got ${config.name}; register it under another`, details: { name: config.name } };
  }
  if (file) await addProduct(tx, blobDir, id, file);
  return { status: "succeeded", modelId: null };
}
