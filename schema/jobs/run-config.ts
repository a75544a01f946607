import { z } from "zod";

import { adversarySchema, attackSchema } from "./attack.ts";
import { attributionSchema, inequalityMeasureSchema } from "./attribution.ts";

/**
 * What a run is asked to do, by kind: written by the gateway, stored in `runs.config`, read by agent and runner. All
 * defaults are filled in before it is stored, so that a record says everything. Ids are UUIDs; ε is in [0,1] pixel units.
 */

/** Raised when a stored config can no longer be read as it was meant. */
export const CONFIG_VERSION = 1;

const modelId = z.uuid();
const datasetName = z.enum(["mnist-digits", "mnist", "fashion-mnist", "cifar10"]);
export type DatasetName = z.output<typeof datasetName>;

const architecture = z.enum(["tiny-cnn", "small-cnn", "cifar-resnet18", "cifar-resnet20"]);
export const ARCHITECTURE_NAMES = architecture.options;
export type ArchitectureName = z.output<typeof architecture>;

/** Which images of a data set; without `indices`, `count` seeded ones. */
export const selectionSchema = z.strictObject({
  split: z.enum(["train", "test"]).default("test"),
  count: z.int().min(1).max(100_000).default(100),
  indices: z.array(z.int().min(0)).min(1).max(10_000).optional(),
  /** Keep only images the model (every model of an audit) classifies correctly. */
  correctOnly: z.boolean().default(true),
});
export type SelectionConfig = z.output<typeof selectionSchema>;

const learningRate = z.number().gt(0).max(10);

export const optimiserSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("sgd"), learningRate: learningRate.default(0.1), momentum: z.number().min(0).lt(1).default(0.9), weightDecay: z.number().min(0).max(1).default(5e-4), nesterov: z.boolean().default(false) })
    .refine((o) => !o.nesterov || o.momentum > 0, { path: ["nesterov"], message: "expected false without momentum" }),
  z.strictObject({ kind: z.literal("adamw"), learningRate: learningRate.default(2e-3), beta1: z.number().min(0).lt(1).default(0.9), beta2: z.number().min(0).lt(1).default(0.999), epsilon: z.number().gt(0).max(1).default(1e-8), weightDecay: z.number().min(0).max(1).default(0.01) }),
]);
export const scheduleSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("constant") }),
  z.strictObject({ kind: z.literal("multi-step"), milestones: z.array(z.int().min(1)).min(1).max(20), factor: z.number().gt(0).max(1).default(0.1) }),
  z.strictObject({ kind: z.literal("cosine"), finalFactor: z.number().min(0).max(1).default(0) }),
]);

export const trainConfigSchema = z.strictObject({
  kind: z.literal("train"),
  /** Name of the model that the run makes. */
  name: z.string().trim().min(1).max(100),
  dataset: datasetName,
  architecture,
  epochs: z.int().min(1).max(1000).default(6),
  batchSize: z.int().min(1).max(1024).default(128),
  /** Use only this many training images (seeded choice); all when absent. */
  trainCount: z.int().min(1).optional(),
  optimiser: optimiserSchema.default(() => optimiserSchema.parse({ kind: "adamw" })),
  schedule: scheduleSchema.default({ kind: "cosine", finalFactor: 0 }),
  /** Standard training when absent. */
  adversary: adversarySchema.optional(),
  augmentation: z.strictObject({ cropPadding: z.int().min(0).max(16).default(0), flip: z.boolean().default(false) }).default({ cropPadding: 0, flip: false }),
  /** Measured after each epoch on held-out (test) images. */
  evaluation: z.strictObject({
    count: z.int().min(1).max(10_000).default(500),
    /** PGD for the robust accuracy; with an adversary its radius when absent, else none. */
    pgd: z.strictObject({ epsilon: z.number().gt(0).max(1), steps: z.int().min(1).max(100).default(10), stepSize: z.number().gt(0).max(1).optional() }).optional(),
  }).default({ count: 500 }),
  /** Images whose mean Gini is followed from epoch to epoch; 0 switches it off. */
  probe: z.strictObject({ count: z.int().min(0).max(1000).default(32), attribution: attributionSchema.default(() => attributionSchema.parse({})) })
    .default(() => ({ count: 32, attribution: attributionSchema.parse({}) })),
}).refine(({ adversary, epochs }) => !adversary || adversary.warmupEpochs === 0 || adversary.warmupEpochs < epochs, { path: ["adversary", "warmupEpochs"], message: "expected fewer than epochs: epsilon would never be reached" });

const onModel = { model: modelId, dataset: datasetName, selection: selectionSchema.default(() => selectionSchema.parse({})), batchSize: z.int().min(1).max(1024).default(64) };

export const attributeConfigSchema = z.strictObject({ kind: z.literal("attribute"), ...onModel, attribution: attributionSchema.default(() => attributionSchema.parse({})) });

const measures = z.array(inequalityMeasureSchema).min(1).max(20).default([{ scope: "global", sign: "absolute" }]);

export const inequalityConfigSchema = z.strictObject({ kind: z.literal("inequality"), ...onModel, attribution: attributionSchema.default(() => attributionSchema.parse({})), measures });

export const attackConfigSchema = z.strictObject({
  kind: z.literal("attack"), ...onModel, attack: attackSchema,
  /** The map that guides the inductive attacks. */
  attribution: attributionSchema.default(() => attributionSchema.parse({})),
  /** Adversarial examples kept as images, of the first so many. */
  keepExamples: z.int().min(0).max(100).default(8),
});

export const auditConfigSchema = z.strictObject({
  kind: z.literal("audit"),
  models: z.array(modelId).min(1).max(20).refine((ids) => new Set(ids).size === ids.length, "expected distinct models"),
  dataset: datasetName,
  batchSize: z.int().min(1).max(1024).default(64),
  /** Images correct under every model. */
  sampleSize: z.int().min(1).max(10_000).default(400),
  attribution: attributionSchema.default(() => attributionSchema.parse({})),
  measures,
  attacks: z.array(attackSchema).min(1).max(30),
  keepExamples: z.int().min(0).max(100).default(4),
});

export const runConfigSchema = z.discriminatedUnion("kind", [trainConfigSchema, attributeConfigSchema, inequalityConfigSchema, attackConfigSchema, auditConfigSchema]);
export type RunConfig = z.output<typeof runConfigSchema>;
export type TrainConfig = z.output<typeof trainConfigSchema>;
export type AttributeConfig = z.output<typeof attributeConfigSchema>;
export type InequalityConfig = z.output<typeof inequalityConfigSchema>;
export type AttackRunConfig = z.output<typeof attackConfigSchema>;
export type AuditConfig = z.output<typeof auditConfigSchema>;

export const RUN_KINDS = ["train", "attribute", "inequality", "attack", "audit"] as const;
export type RunKind = (typeof RUN_KINDS)[number];
export const RUN_STATUSES = ["queued", "running", "succeeded", "failed", "cancelled"] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** A config with what follows from its own fields filled in: training against an adversary is evaluated against it. */
export function completeConfig(config: RunConfig): RunConfig {
  if (config.kind !== "train" || !config.adversary || config.evaluation.pgd) return config;
  return { ...config, evaluation: { ...config.evaluation, pgd: { epsilon: config.adversary.epsilon, steps: 10 } } };
}

/** Ids of the models that a run reads, in order. */
export function modelsOf(config: RunConfig): readonly string[] {
  if (config.kind === "audit") return config.models;
  return config.kind === "train" ? [] : [config.model];
}

/** What crosses the queue: only the name of the work; the record in SQL is the truth. */
export const runJobSchema = z.strictObject({ version: z.literal(CONFIG_VERSION), runId: z.uuid() });
export type RunJob = z.output<typeof runJobSchema>;
export const RUN_QUEUE = "runs";
