import { z } from "zod";

import { attackSchema } from "./attack.ts";
import { attributionSchema, inequalityMeasureSchema } from "./attribution.ts";
import { datasetReportSchema } from "./dataset.ts";
import { warningSchema } from "./warning.ts";

/** Results as values: made by the lab, sent by the runner, stored by the agent. `modelId` says whose they are. */

export const blobSchema = z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/), bytes: z.int().min(0), contentType: z.string().max(100) });
export type BlobRef = z.output<typeof blobSchema>;

/** x of n, with the 95 % Wilson score interval (Wilson 1927). */
export const rateSchema = z.strictObject({ count: z.int().min(0), n: z.int().min(0), rate: z.number().min(0).max(1), low: z.number().min(0).max(1), high: z.number().min(0).max(1) });
export type Rate = z.output<typeof rateSchema>;

/** Mean over images with sample sd and the 95 % interval of the mean (Student's t). sd is 0 for n = 1. */
export const meanSchema = z.strictObject({ mean: z.number(), sd: z.number().min(0), n: z.int().min(1), low: z.number(), high: z.number() });
export type Mean = z.output<typeof meanSchema>;

/** One number about one image. `measure` names it: "gini/global/absolute", "completeness-gap", "pgd-linf/epsilon=0.3/steps=20", "noise-I/k=52/inductive", … */
export const imageResultSchema = z.strictObject({
  modelId: z.uuid(), measure: z.string().min(1).max(120), image: z.int().min(0), label: z.int().min(0),
  /** Predicted class after the perturbation (or of the clean image); null where a measure has none. */
  prediction: z.int().min(0).nullable(),
  value: z.number().nullable(),
  /** Attack measures: whether the prediction changed as the attack wanted. */
  success: z.boolean().nullable(),
  detail: z.record(z.string(), z.number()).optional(),
});
export type ImageResult = z.output<typeof imageResultSchema>;

export const inequalitySummarySchema = z.strictObject({
  modelId: z.uuid(), attribution: attributionSchema, measure: inequalityMeasureSchema, gini: meanSchema,
  /** Counts of the per-image values in `bins` equal bins of [0, 1]. */
  histogram: z.array(z.int().min(0)),
  /** Mean Lorenz curve: share of the total held by the lowest i/100 of sub-pixels, i = 0 … 100. */
  lorenz: z.array(z.number()),
  /** Integrated gradients: |Σa − (f(x) − f(baseline))| over images; null for other methods. */
  completenessGap: meanSchema.nullable(),
});
export type InequalitySummary = z.output<typeof inequalitySummarySchema>;

export const attackSummarySchema = z.strictObject({
  modelId: z.uuid(), attack: attackSchema,
  /** "inductive": guided by the map; "random": the same at random places; "none": attacks without places (PGD). */
  placement: z.enum(["inductive", "random", "none"]),
  /** Inductive noise: the k of this row. */
  k: z.int().nullable(),
  /** Occlusion: colour and (N, R) of this row. */
  colour: z.number().nullable(), maxCount: z.int().nullable(), maxRadius: z.int().nullable(),
  /** Share of images (× draws) whose prediction changed. */
  error: rateSchema,
  /** PGD: share still right, over all images of the selection. */
  accuracy: rateSchema.nullable(),
});
export type AttackSummary = z.output<typeof attackSummarySchema>;

export const artifactSchema = z.strictObject({
  modelId: z.uuid(), image: z.int().min(0),
  /** attribution: float32 [c,h,w] map; heat-map: its PNG; adversarial: PNG of the perturbed image; original: PNG of the clean one. */
  kind: z.enum(["attribution", "heat-map", "adversarial", "original"]),
  /** Which attribution or attack it belongs to, such as "integrated-gradients" or "pgd-linf/epsilon=0.3/steps=20". */
  measure: z.string().max(120),
  shape: z.array(z.int().min(1)), blob: blobSchema,
});
export type Artifact = z.output<typeof artifactSchema>;

/** The classes with the highest probabilities for one image, the highest first. */
export const predictionSchema = z.strictObject({
  modelId: z.uuid(),
  /** Index in the split, or place in the list of files. */
  image: z.int().min(0),
  /** null for images without labels. */
  label: z.int().min(0).nullable(),
  /** Softmax over all classes. */
  top: z.array(z.strictObject({ class: z.int().min(0), probability: z.number().min(0).max(1) })).min(1).max(100),
});
export type Prediction = z.output<typeof predictionSchema>;

/** One batch of results of a run; the agent stores it in one transaction. */
export const resultsSchema = z.strictObject({
  images: z.array(imageResultSchema).default([]),
  inequality: z.array(inequalitySummarySchema).default([]),
  attacks: z.array(attackSummarySchema).default([]),
  artifacts: z.array(artifactSchema).default([]),
  /** Data-set indices of the images a run was done on. */
  sampleSet: z.strictObject({ split: z.enum(["train", "test"]), indices: z.array(z.int().min(0)) }).optional(),
  predictions: z.array(predictionSchema).default([]),
  /** Clean accuracy of a model over the split it was selected from. */
  accuracies: z.array(z.strictObject({ modelId: z.uuid(), clean: rateSchema })).default([]),
});
export type Results = z.output<typeof resultsSchema>;
export type ResultsInput = z.input<typeof resultsSchema>;

/** What there is to say about any network. */
const modelFacts = {
  /** A safetensors file of every parameter and running statistic, f32, by Lorenz's names. */
  weights: blobSchema, parameterCount: z.int().min(1),
  /** Multiply-adds × 2 of one forward pass of one image. */
  flops: z.int().min(1),
  normalisation: z.strictObject({ mean: z.array(z.number()), std: z.array(z.number()) }),
  inputShape: z.tuple([z.int(), z.int(), z.int()]), classCount: z.int().min(2),
};
/** Operators of the forward graph and how often each occurs. */
const operators = z.array(z.strictObject({ operator: z.string().min(1).max(100), count: z.int().min(1) })).max(1000);
export type OperatorCounts = z.output<typeof operators>;

/** What training leaves behind. */
export const trainedModelSchema = z.strictObject({ ...modelFacts, operators: operators.optional(), finalMetrics: z.record(z.string(), z.number().nullable()) });
export type TrainedModel = z.output<typeof trainedModelSchema>;

/** What the config's golden was found to be. */
export const goldenResultSchema = z.strictObject({
  dataset: z.string(), split: z.enum(["train", "test"]),
  /** Of the data set that it was measured on. */
  contentHash: z.string(),
  expected: z.number().min(0).max(1), tolerance: z.number().min(0).max(1),
  measured: rateSchema,
  /** |measured − expected| ≤ tolerance */
  passed: z.boolean(),
});
export type GoldenResult = z.output<typeof goldenResultSchema>;

export const MODEL_FORMATS = ["safetensors", "pytorch", "onnx"] as const;

/** What an import found. Its name, architecture, data set, class names, source and licence are the config's. */
export const importedModelSchema = z.strictObject({
  ...modelFacts, operators,
  format: z.enum(MODEL_FORMATS),
  /** sha256 of the file as it was brought. */
  fileSha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** ONNX: the file that the graph is built from. null for an architecture by name. */
  definition: blobSchema.nullable(),
  golden: goldenResultSchema.nullable(),
  warnings: z.array(warningSchema).max(100),
});
export type ImportedModel = z.output<typeof importedModelSchema>;

/** What the runs of some kinds leave behind, each exactly one: train `model`, import-model `importedModel`, register-dataset `dataset`, export-model `file`. */
export const productsSchema = z.strictObject({
  model: trainedModelSchema.optional(), importedModel: importedModelSchema.optional(),
  dataset: datasetReportSchema.optional(), file: blobSchema.optional(),
});
export type Products = z.output<typeof productsSchema>;
