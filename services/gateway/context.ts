import DataLoader from "dataloader";

import type { Database } from "../store/database.ts";
import { blobsByHashes, type BlobRow } from "../store/queries/blobs.query.ts";
import { datasetsByNames, type DatasetRow } from "../store/queries/datasets.query.ts";
import { modelsByIds, type ModelRow } from "../store/queries/models.query.ts";
import { accuraciesOfRuns, type AccuracyRow, type AttackRow, attacksOfRuns, inequalityOfRuns, type InequalityRow, type PredictionRow, predictionsOfRuns } from "../store/queries/results.query.ts";
import { modelsOfRuns, productsOfRuns, type RunModelRow, type RunProductRow, type RunRow, runsByIds } from "../store/queries/runs.query.ts";
import type { RunEventRow } from "../store/events.store.ts";
import type { RunChangeFeed } from "./runs/run-change-feed.ts";
import type { RunEventHub } from "./runs/run-event-hub.ts";

/** What outlives a request. */
export interface Services {
  readonly database: Database;
  readonly blobFolder: string;
  /** Largest file that an upload may have. */
  readonly maxUploadBytes: number;
  /** Folders whose files requests may name. */
  readonly importRoots: readonly string[];
  readonly hub: RunEventHub<RunEventRow>;
  readonly changes: RunChangeFeed;
}

/** One per operation: its loaders batch what the operation's fields ask for. A subscription's must not cache: rows change between its events. */
export interface GatewayContext extends Services { readonly loaders: Loaders }

export interface Loaders {
  readonly model: DataLoader<string, ModelRow | undefined>;
  readonly dataset: DataLoader<string, DatasetRow | undefined>;
  readonly run: DataLoader<string, RunRow | undefined>;
  readonly blob: DataLoader<string, BlobRow | undefined>;
  readonly runModels: DataLoader<string, RunModelRow[]>;
  readonly runProducts: DataLoader<string, RunProductRow[]>;
  readonly predictions: DataLoader<string, PredictionRow[]>;
  readonly inequality: DataLoader<string, InequalityRow[]>;
  readonly attacks: DataLoader<string, AttackRow[]>;
  readonly accuracies: DataLoader<string, AccuracyRow[]>;
}

export function createContext(services: Services, { cache = true }: { cache?: boolean } = {}): GatewayContext {
  const { db } = services.database;
  return {
    ...services,
    loaders: {
      model: one((ids) => modelsByIds(db, ids), (row) => row.id, cache),
      dataset: one((names) => datasetsByNames(db, names), (row) => row.name, cache),
      run: one((ids) => runsByIds(db, ids), (row) => row.id, cache),
      blob: one((hashes) => blobsByHashes(db, hashes), (row) => row.sha256, cache),
      runProducts: many((ids) => productsOfRuns(db, ids), cache),
      predictions: many((ids) => predictionsOfRuns(db, ids), cache),
      runModels: many((ids) => modelsOfRuns(db, ids), cache),
      inequality: many((ids) => inequalityOfRuns(db, ids), cache),
      attacks: many((ids) => attacksOfRuns(db, ids), cache),
      accuracies: many((ids) => accuraciesOfRuns(db, ids), cache),
    },
  };
}

function one<Row>(read: (keys: readonly string[]) => Promise<Row[]>, keyOf: (row: Row) => string, cache: boolean): DataLoader<string, Row | undefined> {
  return new DataLoader(async (keys) => {
    const rows = new Map((await read(keys)).map((row) => [keyOf(row), row]));
    return keys.map((key) => rows.get(key));
  }, { cache });
}

function many<Row extends { readonly runId: string }>(read: (runIds: readonly string[]) => Promise<Row[]>, cache: boolean): DataLoader<string, Row[]> {
  return new DataLoader(async (runIds) => {
    const rows = new Map<string, Row[]>(runIds.map((runId) => [runId, []]));
    for (const row of await read([...rows.keys()])) rows.get(row.runId)?.push(row);
    return runIds.map((runId) => rows.get(runId) ?? []);
  }, { cache });
}
