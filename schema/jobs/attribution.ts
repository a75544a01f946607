import { z } from "zod";

/** How a prediction is attributed to sub-pixels. Maps are signed, per sub-pixel, with respect to [0,1] pixels, target = label. */
export const attributionSchema = z.strictObject({
  method: z.enum(["saliency", "input-x-gradient", "integrated-gradients"]).default("integrated-gradients"),
  /** Points of the path integral; integrated gradients only. */
  steps: z.int().min(1).max(1000).default(50),
  rule: z.enum(["gauss-legendre", "trapezoid"]).default("gauss-legendre"),
  /** Start of the path. "mean" is the data set's mean colour: zero in normalised space, what the paper's code uses. */
  baseline: z.enum(["mean", "black", "grey", "given"]).default("mean"),
  /** For baseline "given": one value, one per channel, or one per sub-pixel, in [0,1]. */
  baselineValues: z.array(z.number().min(0).max(1)).min(1).max(150_528).optional(),
}).refine((a) => (a.baseline === "given") === (a.baselineValues !== undefined), { path: ["baselineValues"], message: 'expected exactly when baseline is "given"' })
  .refine((a) => a.method !== "integrated-gradients" || a.rule !== "trapezoid" || a.steps >= 2, { path: ["steps"], message: "expected at least 2 for the trapezoid rule, which has both ends" });

export type AttributionConfig = z.output<typeof attributionSchema>;

/** One way to reduce a map to a number in [0, 1): the Gini index, equation (4) of Duan et al. 2023. */
export const inequalityMeasureSchema = z.discriminatedUnion("scope", [
  z.strictObject({ scope: z.literal("global"), sign: z.enum(["absolute", "positive"]).default("absolute") }),
  z.strictObject({
    scope: z.literal("regional"),
    /** Side of the square blocks in pixels; 4 for 32×32, 16 for 224×224. */
    block: z.int().min(1).max(224),
    mode: z.enum(["abs-sum", "signed-sum-positive", "positive-sum", "legacy-nopool", "per-channel"]).default("abs-sum"),
  }),
]);
export type InequalityMeasure = z.output<typeof inequalityMeasureSchema>;

/** A stable name of a measure, used as key of results: "global/absolute", "regional-4/abs-sum". */
export function measureName(measure: InequalityMeasure): string {
  return measure.scope === "global" ? `global/${measure.sign}` : `regional-${measure.block}/${measure.mode}`;
}
