import { bigint, index, integer, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";

import { blobs } from "./blobs.table.ts";
import { at } from "./columns.ts";

/** A trained network. Deleting one keeps the row, for the results that name it, and drops the weights. */
export const models = pgTable("models", {
  id: uuid("id").primaryKey(),
  name: text("name").notNull(),
  architecture: text("architecture").notNull(),
  dataset: text("dataset").notNull(),
  /** The run that trained it. No foreign key: runs refer to models already, and a cycle would need deferred checks. */
  trainingRunId: uuid("training_run_id"),
  /** sha256 of the safetensors file; null once deleted. */
  weightsSha256: text("weights_sha256").references(() => blobs.sha256),
  weightsBytes: bigint("weights_bytes", { mode: "number" }).notNull(),
  parameterCount: integer("parameter_count").notNull(),
  flops: bigint("flops", { mode: "number" }).notNull(),
  normalisation: jsonb("normalisation").$type<{ mean: number[]; std: number[] }>().notNull(),
  inputShape: integer("input_shape").array().notNull(),
  classCount: integer("class_count").notNull(),
  finalMetrics: jsonb("final_metrics").$type<Record<string, number | null>>().notNull(),
  createdAt: at("created_at").notNull().defaultNow(),
  deletedAt: at("deleted_at"),
}, (t) => [index("models_created_at_id_idx").on(t.createdAt, t.id), index("models_training_run_id_idx").on(t.trainingRunId), index("models_weights_sha256_idx").on(t.weightsSha256)]);
