import { z } from "zod";

import { ARCHITECTURE_NAMES } from "./architecture.ts";
import { adversarySchema, attackSchema } from "./attack.ts";
import { attributionSchema, inequalityMeasureSchema } from "./attribution.ts";
import { datasetSourceSchema, imageTransformSchema } from "./dataset.ts";
import { fileRefSchema } from "./file-ref.ts";

/**
 * What a run is asked to do, by kind: written by the gateway, stored in `runs.config`, read by agent and runner. All
 * defaults are filled in before it is stored, so that a record says everything. Ids are UUIDs; ε is in [0,1] pixel units.
 */

/** Raised when a stored config can no longer be read as it was meant. */
export const CONFIG_VERSION = 1;

const modelId = z.uuid();

/** The data sets that every agent looks for; no registered one may take their names. */
export const BUILT_IN_DATASETS = ["mnist-digits", "mnist", "fashion-mnist", "cifar10"] as const;
export type BuiltInDataset = (typeof BUILT_IN_DATASETS)[number];
export function isBuiltInDataset(name: string): name is BuiltInDataset { return (BUILT_IN_DATASETS as readonly string[]).includes(name); }
const datasetName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,59}$/, "expected 1 to 60 of a-z, 0-9, '.', '_' and '-', first a letter or digit");

const architecture = z.enum(ARCHITECTURE_NAMES);

const modelName = z.string().trim().min(1).max(100);

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
  name: modelName,
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

/** Where images or weights come from, in words, and what may be done with them. */
const provenance = { source: z.string().trim().min(1).max(500).optional(), licence: z.string().trim().min(1).max(200).optional() };

/** "The network classifies this share of these images correctly": measured after an import and compared. */
export const goldenSchema = z.strictObject({
  dataset: datasetName,
  split: z.enum(["train", "test"]).default("test"),
  /** Indices in the split. Absent: its first `count` images, or all of them. */
  indices: z.array(z.int().min(0)).min(1).max(10_000).optional(),
  count: z.int().min(1).max(10_000_000).optional(),
  cleanAccuracy: z.number().min(0).max(1),
  /** Largest difference that passes. */
  tolerance: z.number().min(0).max(1).default(0.001),
}).refine(({ indices, count }) => indices === undefined || count === undefined, { path: ["count"], message: "expected either indices or count" });
export type GoldenConfig = z.output<typeof goldenSchema>;

/** Per channel: the network's first operator is (x − mean)/std, x in [0,1]. */
const normalisation = z.strictObject({
  mean: z.array(z.number().min(-1000).max(1000)).min(1).max(16), std: z.array(z.number().min(1e-6).max(1000)).min(1).max(16),
  /** "dataset": the data set's own, given up for the one in the file where that brings one. */
  from: z.enum(["given", "dataset"]).default("given"),
}).refine(({ mean, std }) => mean.length === std.length, { path: ["std"], message: "expected as many as mean has" });

export const importModelConfigSchema = z.strictObject({
  kind: z.literal("import-model"),
  name: modelName,
  from: z.discriminatedUnion("kind", [
    /** safetensors, or PyTorch's state dict (.pt, .pth, .th, .bin). */
    z.strictObject({ kind: z.literal("state-dict"), file: fileRefSchema, architecture }),
    z.strictObject({ kind: z.literal("onnx"), file: fileRefSchema }),
  ]),
  /** The data set that the network was made for. The gateway fills what is absent of the next four from it. */
  dataset: datasetName.optional(),
  /** Absent: the file brings one (normalizer.mean and .std of a state dict). */
  normalisation: normalisation.optional(),
  /** [c, h, w]; always there for a state dict, for ONNX when absent the file's own. */
  inputShape: z.tuple([z.int().min(1).max(16), z.int().min(1).max(1024), z.int().min(1).max(1024)]).optional(),
  classNames: z.array(z.string().trim().min(1).max(200)).min(2).max(65_536).optional(),
  /** Always there for a state dict; for ONNX when absent the length of the output. */
  classCount: z.int().min(2).max(65_536).optional(),
  ...provenance,
  golden: goldenSchema.optional(),
}).refine(({ classNames, classCount }) => !classNames || classCount === undefined || classCount === classNames.length, { path: ["classCount"], message: "expected the number of classNames" })
  .refine(({ normalisation, inputShape }) => !normalisation || !inputShape || normalisation.mean.length === inputShape[0], { path: ["normalisation", "mean"], message: "expected one value per channel of inputShape" });

export const registerDatasetConfigSchema = z.strictObject({
  kind: z.literal("register-dataset"),
  name: datasetName.refine((name) => !isBuiltInDataset(name), `expected another name than the built-in ${BUILT_IN_DATASETS.join(", ")}`),
  /** The name when absent. */
  title: z.string().trim().min(1).max(200).optional(),
  from: datasetSourceSchema,
  ...provenance,
});

export const EXPORT_FORMATS = ["safetensors", "onnx"] as const;
export const exportModelConfigSchema = z.strictObject({ kind: z.literal("export-model"), model: modelId, format: z.enum(EXPORT_FORMATS) });

export const predictConfigSchema = z.strictObject({
  kind: z.literal("predict"),
  model: modelId,
  images: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("dataset"), dataset: datasetName, split: z.enum(["train", "test"]).default("test"), indices: z.array(z.int().min(0)).min(1).max(100) }),
    /** PNG, JPEG or WebP. `transform` absent: shorter side resized to the network's side, centre crop, colour by its channels. */
    z.strictObject({ kind: z.literal("files"), files: z.array(fileRefSchema).min(1).max(100), transform: imageTransformSchema.optional() }),
  ]),
  /** Classes told per image; all when there are fewer. */
  topK: z.int().min(1).max(100).default(5),
});

export const runConfigSchema = z.discriminatedUnion("kind", [
  trainConfigSchema, attributeConfigSchema, inequalityConfigSchema, attackConfigSchema, auditConfigSchema,
  importModelConfigSchema, registerDatasetConfigSchema, exportModelConfigSchema, predictConfigSchema,
]);
export type RunConfig = z.output<typeof runConfigSchema>;
export type TrainConfig = z.output<typeof trainConfigSchema>;
export type AttributeConfig = z.output<typeof attributeConfigSchema>;
export type InequalityConfig = z.output<typeof inequalityConfigSchema>;
export type AttackRunConfig = z.output<typeof attackConfigSchema>;
export type AuditConfig = z.output<typeof auditConfigSchema>;
export type ImportModelConfig = z.output<typeof importModelConfigSchema>;
export type RegisterDatasetConfig = z.output<typeof registerDatasetConfigSchema>;
export type ExportModelConfig = z.output<typeof exportModelConfigSchema>;
export type PredictConfig = z.output<typeof predictConfigSchema>;

export const RUN_KINDS = ["train", "attribute", "inequality", "attack", "audit", "import-model", "register-dataset", "export-model", "predict"] as const;
export type RunKind = (typeof RUN_KINDS)[number];
export const RUN_STATUSES = ["queued", "running", "succeeded", "failed", "cancelled"] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** A config with what follows from its own fields filled in: training against an adversary is evaluated against it, names are counted and repeated. */
export function completeConfig(config: RunConfig): RunConfig {
  if (config.kind === "import-model" && config.classNames) return { ...config, classCount: config.classNames.length };
  if (config.kind === "register-dataset") return { title: config.name, ...config };
  if (config.kind !== "train" || !config.adversary || config.evaluation.pgd) return config;
  return { ...config, evaluation: { ...config.evaluation, pgd: { epsilon: config.adversary.epsilon, steps: 10 } } };
}

/** Ids of the models that a run reads, in order. */
export function modelsOf(config: RunConfig): readonly string[] {
  if (config.kind === "audit") return config.models;
  return "model" in config ? [config.model] : [];
}

/** Names of the data sets that a run reads; the one that it is about comes first. */
export function datasetsOf(config: RunConfig): readonly string[] {
  switch (config.kind) {
    case "import-model": return [config.dataset, config.golden?.dataset].filter((name) => name !== undefined);
    case "predict": return config.images.kind === "dataset" ? [config.images.dataset] : [];
    case "register-dataset": case "export-model": return [];
    default: return [config.dataset];
  }
}

/** What crosses the queue: only the name of the work; the record in SQL is the truth. */
export const runJobSchema = z.strictObject({ version: z.literal(CONFIG_VERSION), runId: z.uuid() });
export type RunJob = z.output<typeof runJobSchema>;
export const RUN_QUEUE = "runs";
