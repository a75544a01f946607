import { bigint, index, integer, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";

import type { GoldenResult, MODEL_FORMATS, OperatorCounts } from "../jobs/results.ts";
import type { Warning } from "../jobs/warning.ts";
import { blobs } from "./blobs.table.ts";
import { at } from "./columns.ts";

/** A network, trained here or imported. Deleting one keeps the row, for the results that name it, and drops the weights. */
export const models = pgTable("models", {
  id: uuid("id").primaryKey(),
  name: text("name").notNull(),
  /** null when `definition` says what the network is. */
  architecture: text("architecture"),
  /** What it was trained on, or is said to be made for. */
  dataset: text("dataset"),
  /** The run that trained it. No foreign key: runs refer to models already, and a cycle would need deferred checks. */
  trainingRunId: uuid("training_run_id"),
  importRunId: uuid("import_run_id"),
  /** sha256 of the safetensors file; null once deleted. */
  weightsSha256: text("weights_sha256").references(() => blobs.sha256),
  weightsBytes: bigint("weights_bytes", { mode: "number" }).notNull(),
  /** sha256 of the ONNX file that the graph is built from; null for named architectures and once deleted. */
  definitionSha256: text("definition_sha256").references(() => blobs.sha256),
  /** Of the file that was imported, as are the next one, golden, source and licence; null for trained models. */
  format: text("format").$type<(typeof MODEL_FORMATS)[number]>(),
  fileSha256: text("file_sha256"),
  parameterCount: integer("parameter_count").notNull(),
  flops: bigint("flops", { mode: "number" }).notNull(),
  normalisation: jsonb("normalisation").$type<{ mean: number[]; std: number[] }>().notNull(),
  inputShape: integer("input_shape").array().notNull(),
  classCount: integer("class_count").notNull(),
  /** null: those of the data set, if any. */
  classNames: text("class_names").array(),
  operators: jsonb("operators").$type<OperatorCounts>().notNull().default([]),
  warnings: jsonb("warnings").$type<Warning[]>().notNull().default([]),
  golden: jsonb("golden").$type<GoldenResult>(),
  source: text("source"),
  licence: text("licence"),
  finalMetrics: jsonb("final_metrics").$type<Record<string, number | null>>().notNull(),
  createdAt: at("created_at").notNull().defaultNow(),
  deletedAt: at("deleted_at"),
}, (t) => [index("models_created_at_id_idx").on(t.createdAt, t.id), index("models_training_run_id_idx").on(t.trainingRunId), index("models_weights_sha256_idx").on(t.weightsSha256), index("models_definition_sha256_idx").on(t.definitionSha256)]);
