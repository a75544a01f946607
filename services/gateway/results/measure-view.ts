import { type AttributionConfig, type InequalityMeasure, measureName } from "../../../schema/jobs/attribution.ts";
import type { AttributionSettingsType, InequalityMeasureType } from "../../../schema/graphql/results.type.ts";

/** The union of the job schema as one flat object. */
export function viewMeasure(measure: InequalityMeasure): InequalityMeasureType {
  const name = measureName(measure);
  return measure.scope === "global"
    ? { name, scope: "global", sign: measure.sign, block: null, mode: null }
    : { name, scope: "regional", sign: null, block: measure.block, mode: measure.mode };
}

/** Without `baselineValues`, which can be one per sub-pixel; they are in the run's config. */
export function viewAttribution({ method, steps, rule, baseline }: AttributionConfig): AttributionSettingsType {
  return { method, steps, rule, baseline };
}
