import { randomBytes } from "node:crypto";

import type { RunKind } from "../../../schema/jobs/run-config.ts";
import { AppError } from "../../common/errors.ts";
import { isId } from "../../common/ids.ts";
import type { Store } from "../../store/database.ts";
import { modelsByIds } from "../../store/queries/models.query.ts";
import { runByIdempotencyKey, type RunRow } from "../../store/queries/runs.query.ts";
import { requestHash } from "../../store/request-hash.ts";
import { createRun } from "../../store/runs.store.ts";
import type { Services } from "../context.ts";
import { checkFiles } from "./check-files.ts";
import { type Draft, draftConfig, invalidInput, parseDraft } from "./config-from-input.ts";
import { settleConfig } from "./settle-config.ts";

export interface RunRequest { readonly seed?: string | null; readonly idempotencyKey?: string | null }

const KEY_LENGTH = 200;

/**
 * Checks everything that can be checked without the data, then stores and enqueues the run. On an error nothing is stored.
 *
 * @throws AppError INVALID_INPUT, NOT_FOUND, MODEL_DELETED, DATASET_MISMATCH, CONFLICT; `details.field` is the input's field.
 */
export async function startRun({ database: store, importRoots }: Pick<Services, "database" | "importRoots">, kind: RunKind, input: RunRequest & object): Promise<RunRow> {
  const idempotencyKey = checkKey(input.idempotencyKey);
  const draft = draftConfig(kind, input);
  await takeDatasetOfModel(store, kind, draft);
  const config = parseDraft(draft);
  const hash = requestHash(config, input.seed ?? null);
  // A repeated request gets its run even if it could not be started any more; a race for the key is createRun's.
  const earlier = idempotencyKey === undefined ? undefined : await runByIdempotencyKey(store.db, idempotencyKey);
  if (earlier?.requestHash === hash) return earlier;
  if (earlier) throw new AppError("CONFLICT", `input.idempotencyKey: it was used for run ${earlier.id} with another input; use a new key`, { field: "input.idempotencyKey" });
  const settled = await settleConfig(config, draft, store.db);
  await checkFiles(settled, draft, store.db, importRoots);
  return (await createRun(store, { config: settled, seed: input.seed ?? randomSeed(), requestHash: hash, idempotencyKey })).run;
}

function checkKey(key: string | null | undefined): string | undefined {
  if (key === null || key === undefined) return undefined;
  if (key.length >= 1 && key.length <= KEY_LENGTH) return key;
  throw invalidInput([{ field: "input.idempotencyKey", message: `expected 1 to ${KEY_LENGTH} characters, got ${key.length}` }]);
}

/** Where the draft names no data set, the (first) model's is meant. */
async function takeDatasetOfModel(store: Store, kind: RunKind, draft: Draft): Promise<void> {
  const images = draft.value["images"] as { kind?: unknown; dataset?: unknown } | undefined;
  if (["attribute", "inequality", "attack", "audit"].includes(kind)) draft.value.dataset ??= await datasetOfFirstModel(store, draft, ["dataset"]);
  else if (kind === "predict" && images?.kind === "dataset") images.dataset ??= await datasetOfFirstModel(store, draft, ["images", "dataset"]);
}

/** @throws AppError NOT_FOUND when there is no such model, INVALID_INPUT when it names no data set; a malformed id is left to the schema. */
async function datasetOfFirstModel({ db }: Store, { value, fieldOf }: Draft, asked: readonly string[]): Promise<string | undefined> {
  const path = value["models"] === undefined ? ["model"] : ["models", 0];
  const id = Array.isArray(value["models"]) ? value["models"][0] : value["model"];
  if (typeof id !== "string" || !isId(id)) return undefined;
  const [model] = await modelsByIds(db, [id]);
  if (!model) throw new AppError("NOT_FOUND", `${fieldOf(path)}: expected the id of a model, got ${id}, which there is not`, { field: fieldOf(path) });
  if (model.dataset === null) throw invalidInput([{ field: fieldOf(asked), message: `expected the name of a data set, got none, and the model ${JSON.stringify(model.name)} was imported without one` }]);
  return model.dataset;
}

function randomSeed(): string { return randomBytes(8).readBigUInt64BE().toString(); }
