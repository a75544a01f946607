import type { AttributionConfig } from "../../../schema/jobs/attribution.ts";
import { AppError } from "../../common/errors.ts";
import { subPixels } from "../data/dataset.ts";
import type { ModelShape } from "../models/architecture.ts";

/**
 * Where a path integral starts, as an image in [0, 1].
 *
 * "mean" is the data set's mean colour, that is zero in the network's normalised space; on images with a black background
 * it gives another Gini index than "black" does, under which the background gets no attribution at all (part of every result).
 *
 * @returns [m] f32, NCHW.
 * @throws AppError INVALID_INPUT when `baselineValues` has neither 1, c nor c·h·w entries.
 */
export function baselineImage({ baseline, baselineValues = [] }: AttributionConfig, { inputShape, mean }: ModelShape): Float32Array {
  const [c, h, w] = inputShape;
  const m = subPixels(inputShape);
  const perChannel = (values: readonly number[]): Float32Array => Float32Array.from({ length: m }, (_, i) => values[Math.floor(i / (h * w))]!);
  switch (baseline) {
    case "mean": return perChannel(mean);
    case "black": return new Float32Array(m);
    case "grey": return new Float32Array(m).fill(0.5);
    case "given":
      if (baselineValues.length === 1) return new Float32Array(m).fill(baselineValues[0]!);
      if (baselineValues.length === c) return perChannel(baselineValues);
      if (baselineValues.length === m) return Float32Array.from(baselineValues);
      throw new AppError("INVALID_INPUT", `baselineValues: expected 1, ${c} or ${m} numbers, got ${baselineValues.length}`, { field: "attribution.baselineValues" });
  }
}
