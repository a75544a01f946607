import { boolean, index, integer, jsonb, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";

import type { DatasetReport, DatasetSource } from "../jobs/dataset.ts";
import type { Warning } from "../jobs/warning.ts";
import { blobs } from "./blobs.table.ts";
import { at } from "./columns.ts";

/** Images per class, in the order of the classes. */
export interface PerClass { readonly train: readonly number[]; readonly test: readonly number[] }

/** Data sets that agents have found (origin "built-in") and those that users brought ("registered"); the name is the key. */
export const datasets = pgTable("datasets", {
  name: text("name").primaryKey(),
  origin: text("origin").$type<"built-in" | "registered">().notNull().default("built-in"),
  title: text("title").notNull(),
  available: boolean("available").notNull(),
  reason: text("reason"),
  contentHash: text("content_hash"),
  trainCount: integer("train_count").notNull(),
  testCount: integer("test_count").notNull(),
  perClass: jsonb("per_class").$type<PerClass>(),
  inputShape: integer("input_shape").array().notNull(),
  classes: text("classes").array().notNull(),
  normalisation: jsonb("normalisation").$type<{ mean: number[]; std: number[] }>().notNull(),
  warnings: jsonb("warnings").$type<Warning[]>().notNull().default([]),
  licence: text("licence").notNull(),
  source: text("source").notNull(),
  /** The next three are null for built-in ones. How the runner reads it. */
  readFrom: jsonb("read_from").$type<DatasetSource>(),
  /** What it was when it was registered: what is read later must be the same. */
  report: jsonb("report").$type<DatasetReport>(),
  /** The run that registered it. No foreign key, as for models. */
  runId: uuid("run_id"),
  updatedAt: at("updated_at").notNull().defaultNow(),
});

/** Uploaded files that a registered data set is read from. */
export const datasetFiles = pgTable("dataset_files", {
  dataset: text("dataset").notNull().references(() => datasets.name, { onDelete: "cascade" }),
  sha256: text("sha256").notNull().references(() => blobs.sha256),
}, (t) => [primaryKey({ columns: [t.dataset, t.sha256] }), index("dataset_files_sha256_idx").on(t.sha256)]);
