import { Field, ID, InputType, Int } from "type-graphql";

import { AttackInput } from "./attack.input.ts";
import { ATTRIBUTION_DEFAULT, AttributionInput, InequalityMeasureInput, MEASURES_DEFAULT } from "./attribution.input.ts";
import { ModelRunInput, RunInput } from "./selection.input.ts";

@InputType()
export class AttributeImagesInput extends ModelRunInput {
  @Field(() => AttributionInput, { defaultValue: ATTRIBUTION_DEFAULT }) attribution!: AttributionInput;
}

@InputType()
export class MeasureInequalityInput extends ModelRunInput {
  @Field(() => AttributionInput, { defaultValue: ATTRIBUTION_DEFAULT }) attribution!: AttributionInput;
  @Field(() => [InequalityMeasureInput], { defaultValue: MEASURES_DEFAULT }) measures!: InequalityMeasureInput[];
}

@InputType()
export class AttackModelInput extends ModelRunInput {
  @Field(() => AttackInput) attack!: AttackInput;
  @Field(() => AttributionInput, { defaultValue: ATTRIBUTION_DEFAULT, description: "The map that guides the inductive attacks." }) attribution!: AttributionInput;
  @Field(() => Int, { defaultValue: 8, description: "Adversarial examples kept as PNG, of the first so many images." }) keepExamples!: number;
}

@InputType()
export class AuditInput extends RunInput {
  @Field(() => [ID], { description: "1 to 20 distinct models that fit the same data set." }) models!: string[];
  @Field(() => String, { nullable: true, description: "Name of a data set that fits all models; the one the first was trained on when absent." }) dataset?: string | null;
  @Field(() => Int, { defaultValue: 64, description: "Images at a time; does not change results." }) batchSize!: number;
  @Field(() => Int, { defaultValue: 400, description: "Images to draw of those that every model classifies correctly." }) sampleSize!: number;
  @Field(() => AttributionInput, { defaultValue: ATTRIBUTION_DEFAULT, description: "What is measured, and what guides the inductive attacks." }) attribution!: AttributionInput;
  @Field(() => [InequalityMeasureInput], { defaultValue: MEASURES_DEFAULT }) measures!: InequalityMeasureInput[];
  @Field(() => [AttackInput], { description: "1 to 30." }) attacks!: AttackInput[];
  @Field(() => Int, { defaultValue: 4, description: "Adversarial examples kept as PNG per model and attack." }) keepExamples!: number;
}
