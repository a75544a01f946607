import { GraphQLJSONObject } from "graphql-scalars";
import { ArgsType, createUnionType, Field, Float, ID, InputType, Int, ObjectType } from "type-graphql";

import type { AttackConfig } from "../jobs/attack.ts";
import { ArtifactKindEnum, AttributionMethodEnum, BaselineEnum, ImageSortFieldEnum, MeasureScopeEnum, NoiseLawEnum, NoiseTypeEnum, NormEnum, PathRuleEnum, PlacementEnum, RegionalModeEnum, SignRuleEnum, SortDirectionEnum, type ValueOf } from "./enums.ts";
import { MeanType, RateType } from "./estimate.type.ts";
import { connectionOf, PageArgs } from "./paging.ts";

/** Fields named `model` are in services/gateway/results: they are looked up in batches. */

@ObjectType("MetricSeries", { description: "A series in columns: value i was measured at step i." })
export class MetricSeriesType {
  @Field(() => String) series!: string;
  @Field(() => [Int]) steps!: number[];
  @Field(() => [Float], { nullable: "items", description: "Null where the number was not finite." }) values!: (number | null)[];
  @Field(() => Boolean, { description: "Whether some value was not finite." }) diverged!: boolean;
}

@ObjectType("AttributionSettings")
export class AttributionSettingsType {
  @Field(() => AttributionMethodEnum) method!: ValueOf<typeof AttributionMethodEnum>;
  @Field(() => Int, { description: "Points of the path integral; integrated gradients only." }) steps!: number;
  @Field(() => PathRuleEnum) rule!: ValueOf<typeof PathRuleEnum>;
  @Field(() => BaselineEnum) baseline!: ValueOf<typeof BaselineEnum>;
}

@ObjectType("InequalityMeasure", { description: "One way to reduce a map to its Gini index." })
export class InequalityMeasureType {
  @Field(() => String, { description: 'Key of the measure: "global/absolute", "regional-4/abs-sum".' }) name!: string;
  @Field(() => MeasureScopeEnum) scope!: ValueOf<typeof MeasureScopeEnum>;
  @Field(() => SignRuleEnum, { nullable: true, description: "Global measures only." }) sign!: ValueOf<typeof SignRuleEnum> | null;
  @Field(() => Int, { nullable: true, description: "Side of the blocks in pixels; regional measures only." }) block!: number | null;
  @Field(() => RegionalModeEnum, { nullable: true, description: "Regional measures only." }) mode!: ValueOf<typeof RegionalModeEnum> | null;
}

@ObjectType("InequalitySummary", { description: "How unequal the attributions of one model are, by one measure." })
export class InequalitySummaryType {
  modelId!: string;
  @Field(() => AttributionSettingsType) attribution!: AttributionSettingsType;
  @Field(() => InequalityMeasureType) measure!: InequalityMeasureType;
  @Field(() => MeanType, { description: "Gini index, 0 (all sub-pixels equal) to just below 1 (one has it all), over the images." }) gini!: MeanType;
  @Field(() => [Int], { description: "Images per bin of the index: equal bins of [0, 1]." }) histogram!: number[];
  @Field(() => [Float], { description: "Mean Lorenz curve: share of the total held by the lowest i/100 of the sub-pixels, i = 0 … 100." }) lorenz!: number[];
  @Field(() => MeanType, { nullable: true, description: "|Σ attribution − (f(x) − f(baseline))|; integrated gradients only." }) completenessGap!: MeanType | null;
}

@ObjectType("ClassProbability")
export class ClassProbabilityType {
  @Field(() => Int) class!: number;
  @Field(() => String) name!: string;
  @Field(() => Float, { description: "Softmax over all classes." }) probability!: number;
}

@ObjectType("Prediction")
export class PredictionType {
  @Field(() => Int, { description: "Index in the split, or place in the list of pictures." }) image!: number;
  @Field(() => Int, { nullable: true, description: "Null for pictures without labels." }) label!: number | null;
  @Field(() => [ClassProbabilityType], { description: "The most probable first." }) top!: ClassProbabilityType[];
}

@ObjectType("Pgd")
export class PgdType {
  kind!: "pgd";
  @Field(() => NormEnum) norm!: ValueOf<typeof NormEnum>;
  @Field(() => Float, { description: "Radius in [0,1] pixel units." }) epsilon!: number;
  @Field(() => Float, { nullable: true, description: "Null: 2.5·epsilon/steps." }) stepSize!: number | null;
  @Field(() => Int) steps!: number;
  @Field(() => Int) restarts!: number;
  @Field(() => Boolean) randomStart!: boolean;
  @Field(() => Int, { nullable: true, description: "Null: untargeted." }) target!: number | null;
}

@ObjectType("InductiveNoise")
export class InductiveNoiseType {
  kind!: "inductive-noise";
  @Field(() => NoiseTypeEnum) type!: ValueOf<typeof NoiseTypeEnum>;
  @Field(() => NoiseLawEnum) law!: ValueOf<typeof NoiseLawEnum>;
  @Field(() => Int, { description: "Noise draws per image and k; rates are over images × draws." }) draws!: number;
}

@ObjectType("InductiveOcclusion")
export class InductiveOcclusionType {
  kind!: "inductive-occlusion";
  @Field(() => [Float]) colours!: number[];
}

export const AttackSettings = createUnionType({
  name: "AttackSettings",
  description: "What an attack was asked to do.",
  types: () => [PgdType, InductiveNoiseType, InductiveOcclusionType] as const,
  resolveType: (value: { kind: AttackConfig["kind"] }) => ({ pgd: PgdType, "inductive-noise": InductiveNoiseType, "inductive-occlusion": InductiveOcclusionType })[value.kind],
});

@ObjectType("AttackSummary", { description: "One row of an attack's result: how many predictions changed." })
export class AttackSummaryType {
  modelId!: string;
  @Field(() => AttackSettings) attack!: typeof AttackSettings;
  @Field(() => PlacementEnum) placement!: ValueOf<typeof PlacementEnum>;
  @Field(() => Int, { nullable: true, description: "Sub-pixels changed; inductive noise only." }) k!: number | null;
  @Field(() => Float, { nullable: true, description: "Grey value in [0,1]; occlusion only." }) colour!: number | null;
  @Field(() => Int, { nullable: true, description: "N of the paper: squares, at most; occlusion only." }) maxCount!: number | null;
  @Field(() => Int, { nullable: true, description: "R of the paper: radius of a square, at most; occlusion only." }) maxRadius!: number | null;
  @Field(() => RateType, { description: "Share of the images (× draws) whose prediction changed." }) error!: RateType;
  @Field(() => RateType, { nullable: true, description: "Share still classified correctly; PGD only." }) accuracy!: RateType | null;
}

@ObjectType("ModelAccuracy")
export class ModelAccuracyType {
  modelId!: string;
  @Field(() => RateType, { description: "Accuracy on clean images of the split that the sample was drawn from." }) clean!: RateType;
}

@ObjectType("ImageResult", { description: "One number about one image." })
export class ImageResultType {
  modelId!: string;
  @Field(() => String, { description: 'What was measured: "gini/global/absolute", "completeness-gap", "pgd-linf/epsilon=0.3/steps=20", "noise-I/k=52/inductive", …' }) measure!: string;
  @Field(() => Int, { description: "Index in the split." }) image!: number;
  @Field(() => Int) label!: number;
  @Field(() => Int, { nullable: true, description: "Predicted class, after the perturbation if there was one; null where the measure has none." }) prediction!: number | null;
  @Field(() => Float, { nullable: true, description: "Null where the measure has no number or it was not finite." }) value!: number | null;
  @Field(() => Boolean, { nullable: true, description: "Attacks: whether the prediction changed as the attack wanted." }) success!: boolean | null;
  @Field(() => GraphQLJSONObject, { nullable: true, description: "Further numbers by name; null where the measure has none." }) detail!: object | null;
}

@ObjectType("Artifact", { description: "A file that a run made of one image, to be fetched over plain HTTP." })
export class ArtifactType {
  modelId!: string;
  sha256!: string;
  @Field(() => ArtifactKindEnum) kind!: ValueOf<typeof ArtifactKindEnum>;
  @Field(() => String, { description: 'The attribution or attack it belongs to, such as "integrated-gradients".' }) measure!: string;
  @Field(() => Int, { description: "Index in the split." }) image!: number;
  @Field(() => [Int], { description: "[channels, height, width]" }) shape!: number[];
}

@InputType({ description: "Ties are broken by a fixed order, so that pages never overlap." })
export class ImageResultSort {
  @Field(() => ImageSortFieldEnum, { defaultValue: ImageSortFieldEnum.IMAGE }) by!: ValueOf<typeof ImageSortFieldEnum>;
  @Field(() => SortDirectionEnum, { defaultValue: SortDirectionEnum.ASC }) direction!: ValueOf<typeof SortDirectionEnum>;
}

@ArgsType()
export class ImageResultsArgs extends PageArgs {
  @Field(() => String, { nullable: true, description: "Only this measure." }) measure?: string | null;
  @Field(() => ID, { nullable: true, description: "Only this model." }) modelId?: string | null;
  @Field(() => ImageResultSort, { defaultValue: { by: "image", direction: "asc" } }) sort!: ImageResultSort;
}

@ArgsType()
export class ArtifactsArgs extends PageArgs {
  @Field(() => ArtifactKindEnum, { nullable: true }) kind?: ValueOf<typeof ArtifactKindEnum> | null;
  @Field(() => String, { nullable: true }) measure?: string | null;
  @Field(() => ID, { nullable: true }) modelId?: string | null;
}

export const ImageResultConnection = connectionOf("ImageResult", ImageResultType);
export const ArtifactConnection = connectionOf("Artifact", ArtifactType);
