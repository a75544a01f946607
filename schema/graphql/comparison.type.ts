import { Field, Float, Int, ObjectType } from "type-graphql";

import { MeanType, RateType } from "./estimate.type.ts";
import { AttackSettings, AttributionSettingsType, InequalityMeasureType } from "./results.type.ts";

@ObjectType("ComparedInequality")
export class ComparedInequalityType {
  @Field(() => AttributionSettingsType) attribution!: AttributionSettingsType;
  @Field(() => InequalityMeasureType) measure!: InequalityMeasureType;
  @Field(() => MeanType) gini!: MeanType;
}

@ObjectType("ComparedPgd")
export class ComparedPgdType {
  @Field(() => AttackSettings) attack!: typeof AttackSettings;
  @Field(() => RateType, { nullable: true, description: "Share still classified correctly over all images of the selection." }) accuracy!: RateType | null;
  @Field(() => RateType, { description: "Share of the sample whose prediction changed." }) error!: RateType;
}

@ObjectType("ComparedError", { description: "Error rate under an inductive attack beside its control at random places." })
export class ComparedErrorType {
  @Field(() => AttackSettings) attack!: typeof AttackSettings;
  @Field(() => Int, { nullable: true, description: "Sub-pixels changed; inductive noise only." }) k!: number | null;
  @Field(() => Float, { nullable: true, description: "Grey value in [0,1]; occlusion only." }) colour!: number | null;
  @Field(() => Int, { nullable: true, description: "N; occlusion only." }) maxCount!: number | null;
  @Field(() => Int, { nullable: true, description: "R; occlusion only." }) maxRadius!: number | null;
  @Field(() => RateType) error!: RateType;
  @Field(() => RateType, { nullable: true, description: "The same perturbation at random places; null if the run has none." }) control!: RateType | null;
}

/** `model` is in services/gateway/compare. */
@ObjectType("ComparisonRow")
export class ComparisonRowType {
  modelId!: string;
  @Field(() => RateType, { nullable: true, description: "Clean accuracy over the split the sample was drawn from." }) cleanAccuracy!: RateType | null;
  @Field(() => [ComparedPgdType]) pgd!: ComparedPgdType[];
  @Field(() => [ComparedInequalityType], { description: "One per measure." }) gini!: ComparedInequalityType[];
  @Field(() => [ComparedErrorType], { description: "One per inductive attack and k, or colour and (N, R), in the order of the audit." }) errors!: ComparedErrorType[];
}

/** `run` is in services/gateway/compare. */
@ObjectType("Comparison", { description: "The table of an audit, for the models asked for, in their order." })
export class ComparisonType {
  runId!: string;
  @Field(() => Int, { description: "Images that every model of the audit classifies correctly and that all its numbers are over." }) sampleSize!: number;
  @Field(() => [ComparisonRowType]) rows!: ComparisonRowType[];
}
