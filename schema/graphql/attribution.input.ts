import { Extensions, Field, Float, InputType, Int } from "type-graphql";

import { attributionSchema } from "../jobs/attribution.ts";
import { AttributionMethodEnum, BaselineEnum, PathRuleEnum, RegionalModeEnum, SignRuleEnum, type ValueOf } from "./enums.ts";
import { ONE_OF } from "./one-of.ts";

/** Defaults shown in the SDL are those of the job schema, which alone decides what a config may be. */
export const ATTRIBUTION_DEFAULT = attributionSchema.parse({});

@InputType({ description: "How a prediction is attributed to sub-pixels. Maps are signed, with respect to [0,1] pixels; the target is the image's label." })
export class AttributionInput {
  @Field(() => AttributionMethodEnum, { defaultValue: ATTRIBUTION_DEFAULT.method }) method!: ValueOf<typeof AttributionMethodEnum>;
  @Field(() => Int, { defaultValue: ATTRIBUTION_DEFAULT.steps, description: "Points of the path integral, 1 to 1000; integrated gradients only." }) steps!: number;
  @Field(() => PathRuleEnum, { defaultValue: ATTRIBUTION_DEFAULT.rule }) rule!: ValueOf<typeof PathRuleEnum>;
  @Field(() => BaselineEnum, { defaultValue: ATTRIBUTION_DEFAULT.baseline }) baseline!: ValueOf<typeof BaselineEnum>;
  @Field(() => [Float], { nullable: true, description: "For `baseline: GIVEN`: one value, one per channel, or one per sub-pixel, in [0, 1]." }) baselineValues?: number[] | null;
}

@InputType()
export class GlobalMeasureInput {
  @Field(() => SignRuleEnum, { defaultValue: "absolute" }) sign!: ValueOf<typeof SignRuleEnum>;
}

@InputType()
export class RegionalMeasureInput {
  @Field(() => Int, { description: "Side of the square blocks in pixels, at most the image's side; the paper has 4 for 32×32 and 16 for 224×224." }) block!: number;
  @Field(() => RegionalModeEnum, { defaultValue: "abs-sum" }) mode!: ValueOf<typeof RegionalModeEnum>;
}

@Extensions(ONE_OF)
@InputType({ description: "Which Gini index: exactly one field." })
export class InequalityMeasureInput {
  @Field(() => GlobalMeasureInput, { nullable: true, description: "Over all sub-pixels." }) global?: GlobalMeasureInput | null;
  @Field(() => RegionalMeasureInput, { nullable: true, description: "Over blocks." }) regional?: RegionalMeasureInput | null;
}

export const MEASURES_DEFAULT = [{ global: { sign: "absolute" } }];
