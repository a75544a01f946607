import { z } from "zod";

/** What the runner knows of one data set on its machine. */
export const datasetInfoSchema = z.strictObject({
  name: z.string().min(1).max(60), title: z.string(),
  available: z.boolean(),
  /** Why not, and what to install; null when available. */
  reason: z.string().nullable(),
  /** sha256 over images, labels and split; null when not available. */
  contentHash: z.string().nullable(),
  trainCount: z.int().min(0), testCount: z.int().min(0),
  /** [c, h, w] */
  inputShape: z.tuple([z.int(), z.int(), z.int()]),
  classes: z.array(z.string()),
  mean: z.array(z.number()), std: z.array(z.number()),
  licence: z.string(), source: z.string(),
});
export type DatasetInfo = z.output<typeof datasetInfoSchema>;
