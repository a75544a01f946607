import { randomBytes } from "node:crypto";

import { modelsOf, type RunKind } from "../../../schema/jobs/run-config.ts";
import { AppError } from "../../common/errors.ts";
import { isId } from "../../common/ids.ts";
import type { Store } from "../../store/database.ts";
import { datasetsByNames } from "../../store/queries/datasets.query.ts";
import { modelsByIds } from "../../store/queries/models.query.ts";
import { runByIdempotencyKey, type RunRow } from "../../store/queries/runs.query.ts";
import { requestHash } from "../../store/request-hash.ts";
import { createRun } from "../../store/runs.store.ts";
import { checkConfig } from "./check-config.ts";
import { type Draft, draftConfig, invalidInput, parseDraft } from "./config-from-input.ts";

export interface RunRequest { readonly seed?: string | null; readonly idempotencyKey?: string | null }

const KEY_LENGTH = 200;

/**
 * Checks everything that can be checked without the data, then stores and enqueues the run. On an error nothing is stored.
 *
 * @throws AppError INVALID_INPUT, NOT_FOUND, MODEL_DELETED, DATASET_MISMATCH, CONFLICT; `details.field` is the input's field.
 */
export async function startRun(store: Store, kind: RunKind, input: RunRequest & object): Promise<RunRow> {
  const idempotencyKey = checkKey(input.idempotencyKey);
  const draft = draftConfig(kind, input);
  draft.value.dataset ??= await datasetOfFirstModel(store, draft);
  const config = parseDraft(draft);
  const hash = requestHash(config, input.seed ?? null);
  // A repeated request gets its run even if it could not be started any more; a race for the key is createRun's.
  const earlier = idempotencyKey === undefined ? undefined : await runByIdempotencyKey(store.db, idempotencyKey);
  if (earlier?.requestHash === hash) return earlier;
  if (earlier) throw new AppError("CONFLICT", `input.idempotencyKey: it was used for run ${earlier.id} with another input; use a new key`, { field: "input.idempotencyKey" });
  const models = new Map((await modelsByIds(store.db, modelsOf(config))).map((row) => [row.id, row]));
  checkConfig(config, draft, models, (await datasetsByNames(store.db, [config.dataset]))[0]);
  return (await createRun(store, { config, seed: input.seed ?? randomSeed(), requestHash: hash, idempotencyKey })).run;
}

function checkKey(key: string | null | undefined): string | undefined {
  if (key === null || key === undefined) return undefined;
  if (key.length >= 1 && key.length <= KEY_LENGTH) return key;
  throw invalidInput([{ field: "input.idempotencyKey", message: `expected 1 to ${KEY_LENGTH} characters, got ${key.length}` }]);
}

/** @throws AppError NOT_FOUND when there is no such model; a malformed id is left to the schema. */
async function datasetOfFirstModel({ db }: Store, { value, fieldOf }: Draft): Promise<string | undefined> {
  const path = value["models"] === undefined ? ["model"] : ["models", 0];
  const id = Array.isArray(value["models"]) ? value["models"][0] : value["model"];
  if (typeof id !== "string" || !isId(id)) return undefined;
  const [model] = await modelsByIds(db, [id]);
  if (!model) throw new AppError("NOT_FOUND", `${fieldOf(path)}: expected the id of a model, got ${id}, which there is not`, { field: fieldOf(path) });
  return model.dataset;
}

function randomSeed(): string { return randomBytes(8).readBigUInt64BE().toString(); }
