import { z } from "zod";

import { attackSchema } from "./attack.ts";
import { attributionSchema, inequalityMeasureSchema } from "./attribution.ts";

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

/** One batch of results of a run; the agent stores it in one transaction. */
export const resultsSchema = z.strictObject({
  images: z.array(imageResultSchema).default([]),
  inequality: z.array(inequalitySummarySchema).default([]),
  attacks: z.array(attackSummarySchema).default([]),
  artifacts: z.array(artifactSchema).default([]),
  /** Data-set indices of the images a run was done on. */
  sampleSet: z.strictObject({ split: z.enum(["train", "test"]), indices: z.array(z.int().min(0)) }).optional(),
  /** Clean accuracy of a model over the split it was selected from. */
  accuracies: z.array(z.strictObject({ modelId: z.uuid(), clean: rateSchema })).default([]),
});
export type Results = z.output<typeof resultsSchema>;
export type ResultsInput = z.input<typeof resultsSchema>;

/** What training leaves behind. */
export const trainedModelSchema = z.strictObject({
  weights: blobSchema, parameterCount: z.int().min(1),
  /** Multiply-adds × 2 of one forward pass of one image. */
  flops: z.int().min(1),
  normalisation: z.strictObject({ mean: z.array(z.number()), std: z.array(z.number()) }),
  inputShape: z.tuple([z.int(), z.int(), z.int()]), classCount: z.int().min(2),
  finalMetrics: z.record(z.string(), z.number().nullable()),
});
export type TrainedModel = z.output<typeof trainedModelSchema>;
