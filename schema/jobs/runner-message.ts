import { z } from "zod";

import { datasetInfoSchema, datasetReportSchema, datasetSourceSchema } from "./dataset.ts";
import { blobSchema, productsSchema, resultsSchema } from "./results.ts";
import { runConfigSchema } from "./run-config.ts";

/** The protocol between agent and runner over the fork's IPC channel. One run at a time; the runner stays warm between runs. */

export const modelRefSchema = z.strictObject({
  id: z.uuid(), name: z.string(),
  /** Exactly one is null: `definition` is the ONNX file of a network without a named architecture. */
  architecture: z.string().nullable(), definition: blobSchema.nullable(),
  weights: blobSchema,
  normalisation: z.strictObject({ mean: z.array(z.number()), std: z.array(z.number()) }),
  inputShape: z.tuple([z.int(), z.int(), z.int()]), classCount: z.int(),
});
export type ModelRef = z.output<typeof modelRefSchema>;

/** A registered data set, and what it was when it was registered: what is read now must be the same. */
export const datasetRefSchema = z.strictObject({ name: z.string(), title: z.string(), licence: z.string(), source: z.string(), from: datasetSourceSchema, report: datasetReportSchema });
export type DatasetRef = z.output<typeof datasetRefSchema>;

export const agentMessageSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("start"), runId: z.uuid(), attempt: z.int().min(1), config: runConfigSchema,
    /** 64-bit seed as decimal text: JSON numbers end at 2^53. */
    seed: z.string().regex(/^\d{1,20}$/),
    models: z.array(modelRefSchema),
    /** The registered ones among the data sets that the config names. */
    datasets: z.array(datasetRefSchema).default([]),
    /** Folder of the content-addressed blobs: the runner reads weights from it and writes artifacts to it. */
    blobDir: z.string(),
    /** Training: the last stored checkpoint, to continue from. */
    resume: z.strictObject({ epoch: z.int().min(1), blob: blobSchema }).optional(),
  }),
  z.strictObject({ type: z.literal("cancel"), runId: z.uuid() }),
  /** Answer with `environment` (with measured GFLOP/s, when asked) or `no-device`, then with `datasets`, which ends the answer. */
  z.strictObject({ type: z.literal("describe"), measure: z.boolean() }),
]);
export type AgentMessage = z.input<typeof agentMessageSchema>;

/** What numbers were made on; stored with each run. */
export const environmentSchema = z.strictObject({
  adapter: z.string(), adapterKind: z.string(), software: z.boolean(), vendor: z.string(), architecture: z.string(), kernelFamily: z.string(),
  dawn: z.string(), node: z.string(), platform: z.string(), code: z.string(),
  /** How to get a faster adapter, if the one found is slow. */
  advice: z.string().nullable(),
  measuredGflops: z.number().nullable(),
});
export type Environment = z.output<typeof environmentSchema>;

/** What computed a run's numbers: product of a convolution or linear layer ("forward 3×3 64→128 /2 +1 on 32×32") → names of the kernel variants. */
export const kernelVariantsSchema = z.record(z.string().max(200), z.array(z.string().max(200)));
export type KernelVariants = z.output<typeof kernelVariantsSchema>;

export const metricPointSchema = z.strictObject({ series: z.string().min(1).max(60), step: z.int().min(0), /** null: not finite */ value: z.number().nullable() });
export type MetricPoint = z.output<typeof metricPointSchema>;

const ofRun = { runId: z.uuid() };
export const runnerMessageSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("environment"), environment: environmentSchema }),
  /** Instead of `environment`: there is nothing to run on. Code and message of the error, such as NO_ADAPTER. */
  z.strictObject({ type: z.literal("no-device"), code: z.string(), message: z.string().max(10_000) }),
  z.strictObject({ type: z.literal("datasets"), datasets: z.array(datasetInfoSchema) }),
  /** done/total in units of `phase` ("epoch 3/6", "integrated gradients"); at most 10 per second. */
  z.strictObject({ type: z.literal("progress"), ...ofRun, phase: z.string().max(120), done: z.number().min(0), total: z.number().min(0), etaSeconds: z.number().min(0).nullable(), imagesPerSecond: z.number().min(0).nullable() }),
  z.strictObject({ type: z.literal("metrics"), ...ofRun, points: z.array(metricPointSchema) }),
  z.strictObject({ type: z.literal("checkpoint"), ...ofRun, epoch: z.int().min(1), blob: blobSchema }),
  z.strictObject({ type: z.literal("results"), ...ofRun, results: resultsSchema }),
  /** Before the message that ends the run, however it ends. */
  z.strictObject({ type: z.literal("kernel-variants"), ...ofRun, kernelVariants: kernelVariantsSchema }),
  z.strictObject({ type: z.literal("note"), ...ofRun, message: z.string().max(2000) }),
  z.strictObject({ type: z.literal("finished"), ...ofRun, ...productsSchema.shape }),
  z.strictObject({ type: z.literal("failed"), ...ofRun, code: z.string(), message: z.string(), details: z.record(z.string(), z.unknown()) }),
  z.strictObject({ type: z.literal("cancelled"), ...ofRun }),
]);
export type RunnerMessage = z.input<typeof runnerMessageSchema>;
