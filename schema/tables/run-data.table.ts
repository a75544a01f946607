import { bigserial, boolean, doublePrecision, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";

import type { AttackSummary, Artifact, InequalitySummary, Mean, Prediction, Rate } from "../jobs/results.ts";
import type { RunEventPayloads, RunEventType } from "../jobs/run-event.ts";
import type { Environment } from "../jobs/runner-message.ts";
import { at } from "./columns.ts";
import { blobs } from "./blobs.table.ts";
import { models } from "./models.table.ts";
import { runs } from "./runs.table.ts";

const runId = () => uuid("run_id").notNull().references(() => runs.id, { onDelete: "cascade" });
const modelId = () => uuid("model_id").notNull().references(() => models.id, { onDelete: "restrict" });

/** Everything that happened to a run, append-only; (run_id, seq) is the cursor of the live subscription. */
export const runEvents = pgTable("run_events", {
  runId: runId(),
  seq: integer("seq").notNull(),
  attempt: integer("attempt").notNull(),
  type: text("type").$type<RunEventType>().notNull(),
  /** RunEventPayloads in schema/jobs/run-event.ts, by type. */
  payload: jsonb("payload").$type<RunEventPayloads[RunEventType]>().notNull(),
  at: at("at").notNull().defaultNow(),
}, (t) => [primaryKey({ columns: [t.runId, t.seq] })]);

/** One number of a series at a step; null is "not finite". A resumed run overwrites what it repeats. */
export const metrics = pgTable("metrics", {
  runId: runId(),
  series: text("series").notNull(),
  step: integer("step").notNull(),
  value: doublePrecision("value"),
}, (t) => [primaryKey({ columns: [t.runId, t.series, t.step] })]);

/** Where a training run can be continued: the newest one only, and none once the run has ended. */
export const checkpoints = pgTable("checkpoints", {
  runId: runId(),
  epoch: integer("epoch").notNull(),
  sha256: text("sha256").notNull().references(() => blobs.sha256),
  createdAt: at("created_at").notNull().defaultNow(),
}, (t) => [primaryKey({ columns: [t.runId, t.epoch] }), index("checkpoints_sha256_idx").on(t.sha256)]);

export const imageResults = pgTable("image_results", {
  id: bigserial("id", { mode: "number" }).primaryKey(),
  runId: runId(),
  modelId: modelId(),
  measure: text("measure").notNull(),
  image: integer("image").notNull(),
  label: integer("label").notNull(),
  prediction: integer("prediction"),
  value: doublePrecision("value"),
  success: boolean("success"),
  detail: jsonb("detail").$type<Record<string, number>>(),
}, (t) => [
  uniqueIndex("image_results_key_idx").on(t.runId, t.modelId, t.measure, t.image),
  index("image_results_value_idx").on(t.runId, t.measure, t.value),
  index("image_results_model_id_idx").on(t.modelId),
]);

export const inequalitySummaries = pgTable("inequality_summaries", {
  runId: runId(),
  modelId: modelId(),
  /** measureName() of the measure. */
  measure: text("measure").notNull(),
  summary: jsonb("summary").$type<InequalitySummary>().notNull(),
  gini: jsonb("gini").$type<Mean>().notNull(),
}, (t) => [primaryKey({ columns: [t.runId, t.modelId, t.measure] }), index("inequality_summaries_model_id_idx").on(t.modelId)]);

export const attackSummaries = pgTable("attack_summaries", {
  id: bigserial("id", { mode: "number" }).primaryKey(),
  runId: runId(),
  modelId: modelId(),
  /** What the row is about (model, attack, placement, parameters), hashed: a batch that is reported again replaces itself. */
  key: text("key").notNull(),
  /** Place in the order the lab reported them. */
  position: integer("position").notNull(),
  summary: jsonb("summary").$type<AttackSummary>().notNull(),
  error: jsonb("error").$type<Rate>().notNull(),
}, (t) => [uniqueIndex("attack_summaries_key_idx").on(t.runId, t.key), index("attack_summaries_model_id_idx").on(t.modelId)]);

export const accuracies = pgTable("accuracies", {
  runId: runId(),
  modelId: modelId(),
  clean: jsonb("clean").$type<Rate>().notNull(),
}, (t) => [primaryKey({ columns: [t.runId, t.modelId] }), index("accuracies_model_id_idx").on(t.modelId)]);

export const predictions = pgTable("predictions", {
  runId: runId(),
  modelId: modelId(),
  image: integer("image").notNull(),
  label: integer("label"),
  top: jsonb("top").$type<Prediction["top"]>().notNull(),
}, (t) => [primaryKey({ columns: [t.runId, t.modelId, t.image] }), index("predictions_model_id_idx").on(t.modelId)]);

export const artifacts = pgTable("artifacts", {
  id: bigserial("id", { mode: "number" }).primaryKey(),
  runId: runId(),
  modelId: modelId(),
  image: integer("image").notNull(),
  kind: text("kind").$type<Artifact["kind"]>().notNull(),
  measure: text("measure").notNull(),
  shape: integer("shape").array().notNull(),
  sha256: text("sha256").notNull().references(() => blobs.sha256),
}, (t) => [uniqueIndex("artifacts_key_idx").on(t.runId, t.modelId, t.image, t.kind, t.measure), index("artifacts_model_id_idx").on(t.modelId), index("artifacts_sha256_idx").on(t.sha256)]);

/** "no-device": the runner could not open a device; `message` says why. */
export type AgentState = "starting" | "idle" | "busy" | "no-device";

/** Agents that are alive or died lately: one row each, with the device they own. An agent that stops removes its row. */
export const agents = pgTable("agents", {
  id: uuid("id").primaryKey(),
  environment: jsonb("environment").$type<Environment>(),
  state: text("state").$type<AgentState>().notNull(),
  currentRunId: uuid("current_run_id"),
  message: text("message"),
  startedAt: at("started_at").notNull().defaultNow(),
  seenAt: at("seen_at").notNull().defaultNow(),
});
