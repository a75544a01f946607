import { sql } from "drizzle-orm";
import { check, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";

import type { RunConfig, RunKind, RunStatus } from "../jobs/run-config.ts";
import type { Environment, KernelVariants } from "../jobs/runner-message.ts";
import { at, seed } from "./columns.ts";
import { blobs } from "./blobs.table.ts";
import { models } from "./models.table.ts";

/** One piece of work. `config` has every default filled in; `last_seq` numbers its events without gaps. */
export const runs = pgTable("runs", {
  id: uuid("id").primaryKey(),
  kind: text("kind").$type<RunKind>().notNull(),
  status: text("status").$type<RunStatus>().notNull().default("queued"),
  config: jsonb("config").$type<RunConfig>().notNull(),
  seed: seed("seed").notNull(),
  /** The data set that it is about, if any; of a registration the one that it makes. */
  dataset: text("dataset"),
  idempotencyKey: text("idempotency_key"),
  /** sha256 of kind, config and seed as asked: the same key with another input is a conflict. */
  requestHash: text("request_hash").notNull(),
  /** Raised by each claim; with the id it is the fencing token of everything an agent writes. */
  attempt: integer("attempt").notNull().default(0),
  /** Attempts that died with their runner. A stopped or killed agent does not count: that says nothing about the run. */
  failures: integer("failures").notNull().default(0),
  /** Who has the current or had the last attempt. No foreign key: agents come and go, runs stay. */
  agentId: uuid("agent_id"),
  lastSeq: integer("last_seq").notNull().default(0),
  environment: jsonb("environment").$type<Environment>(),
  kernelVariants: jsonb("kernel_variants").$type<KernelVariants>(),
  progress: jsonb("progress").$type<{ phase: string; done: number; total: number; etaSeconds: number | null; imagesPerSecond: number | null }>(),
  sampleSet: jsonb("sample_set").$type<{ split: "train" | "test"; indices: number[] }>(),
  cancelRequestedAt: at("cancel_requested_at"),
  errorCode: text("error_code"),
  errorMessage: text("error_message"),
  errorDetails: jsonb("error_details").$type<Record<string, unknown>>(),
  createdAt: at("created_at").notNull().defaultNow(),
  startedAt: at("started_at"),
  finishedAt: at("finished_at"),
}, (t) => [
  check("runs_status_check", sql`${t.status} in ('queued', 'running', 'succeeded', 'failed', 'cancelled')`),
  check("runs_kind_check", sql`${t.kind} in ('train', 'attribute', 'inequality', 'attack', 'audit', 'import-model', 'register-dataset', 'export-model', 'predict')`),
  uniqueIndex("runs_idempotency_key_idx").on(t.idempotencyKey),
  index("runs_created_at_id_idx").on(t.createdAt, t.id),
  index("runs_status_idx").on(t.status),
]);

/** Which models a run reads (role "subject") or made (role "product"). */
export const runModels = pgTable("run_models", {
  runId: uuid("run_id").notNull().references(() => runs.id, { onDelete: "cascade" }),
  modelId: uuid("model_id").notNull().references(() => models.id, { onDelete: "restrict" }),
  role: text("role").$type<"subject" | "product">().notNull(),
  position: integer("position").notNull().default(0),
}, (t) => [primaryKey({ columns: [t.runId, t.modelId, t.role] }), index("run_models_model_id_idx").on(t.modelId)]);

/** Uploads that an unfinished run is going to read (role "input", gone when it has ended), and files that a run made for download (role "product"). */
export const runFiles = pgTable("run_files", {
  runId: uuid("run_id").notNull().references(() => runs.id, { onDelete: "cascade" }),
  sha256: text("sha256").notNull().references(() => blobs.sha256),
  role: text("role").$type<"input" | "product">().notNull(),
}, (t) => [primaryKey({ columns: [t.runId, t.sha256, t.role] }), index("run_files_sha256_idx").on(t.sha256)]);
