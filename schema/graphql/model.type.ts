import { GraphQLJSONObject } from "graphql-scalars";
import { Field, Float, GraphQLISODateTime, ID, InputType, Int, ObjectType } from "type-graphql";

import { NormalisationType, WarningType } from "./dataset.type.ts";
import { ArchitectureEnum, ModelFormatEnum, SplitEnum, type ValueOf } from "./enums.ts";
import { RateType } from "./estimate.type.ts";
import { connectionOf } from "./paging.ts";

@ObjectType("Weights", { description: "A safetensors file." })
export class WeightsType {
  @Field(() => String, { description: "Path on this server." }) url!: string;
  @Field(() => String) sha256!: string;
  @Field(() => Float) bytes!: number;
}

@ObjectType("OperatorCount")
export class OperatorCountType {
  @Field(() => String) operator!: string;
  @Field(() => Int, { description: "How often it occurs in the forward graph." }) count!: number;
}

@ObjectType("Golden", { description: "The clean accuracy that the network was said to have, and the one that was measured." })
export class GoldenType {
  @Field(() => String) dataset!: string;
  @Field(() => SplitEnum) split!: ValueOf<typeof SplitEnum>;
  @Field(() => Float) expected!: number;
  @Field(() => Float, { description: "Largest difference that passes." }) tolerance!: number;
  @Field(() => RateType) measured!: RateType;
  @Field(() => Boolean) passed!: boolean;
}

/** Fields that need another row (dataset, classNames, runs, adversary, weights) are in services/gateway/models. */
@ObjectType("Model", { description: "A network, trained here or imported." })
export class ModelType {
  @Field(() => ID) id!: string;
  @Field(() => String) name!: string;
  @Field(() => ArchitectureEnum, { nullable: true, description: "Null for a network imported from ONNX: its operators say what it is." }) architecture!: ValueOf<typeof ArchitectureEnum> | null;
  @Field(() => ModelFormatEnum, { nullable: true, description: "Of the file that was imported; null for a model trained here." }) format!: ValueOf<typeof ModelFormatEnum> | null;
  @Field(() => String, { name: "sha256", nullable: true, description: "Of the file that was imported; null for a model trained here." }) fileSha256!: string | null;
  @Field(() => [OperatorCountType], { description: "Empty for models from before this was stored." }) operators!: OperatorCountType[];
  @Field(() => [WarningType], { description: "What the import found odd." }) warnings!: WarningType[];
  @Field(() => GoldenType, { nullable: true, description: "Null when the import named none." }) golden!: GoldenType | null;
  @Field(() => String, { nullable: true, description: "Where the weights come from; null when not stated." }) source!: string | null;
  @Field(() => String, { nullable: true, description: "Null when not stated." }) licence!: string | null;
  @Field(() => Int) parameterCount!: number;
  @Field(() => Float, { description: "Multiply-adds × 2 of one forward pass of one image." }) flops!: number;
  @Field(() => NormalisationType) normalisation!: NormalisationType;
  @Field(() => [Int], { description: "[channels, height, width]" }) inputShape!: number[];
  @Field(() => Int) classCount!: number;
  @Field(() => GraphQLJSONObject, { description: "Last value of each training series." }) finalMetrics!: Record<string, number | null>;
  @Field(() => GraphQLISODateTime) createdAt!: Date;
  @Field(() => GraphQLISODateTime, { nullable: true, description: "When its weights were deleted; its results stay." }) deletedAt!: Date | null;
}

@ObjectType("TrainingAdversary")
export class TrainingAdversaryType {
  @Field(() => Float, { description: "Radius ε of the l∞ ball in [0,1] pixel units." }) epsilon!: number;
  @Field(() => Int) steps!: number;
}

@InputType()
export class ModelFilter {
  @Field(() => String, { nullable: true, description: "Name of the data set that it was trained on or made for." }) dataset?: string | null;
  @Field(() => ArchitectureEnum, { nullable: true }) architecture?: ValueOf<typeof ArchitectureEnum> | null;
  @Field(() => String, { nullable: true, description: "Part of the name, whatever the case." }) nameContains?: string | null;
  @Field(() => Boolean, { defaultValue: false }) includeDeleted!: boolean;
}

export const ModelConnection = connectionOf("Model", ModelType);
