import { GraphQLJSONObject } from "graphql-scalars";
import { Field, Float, GraphQLISODateTime, ID, InputType, Int, ObjectType } from "type-graphql";

import { NormalisationType } from "./dataset.type.ts";
import { ArchitectureEnum, type ValueOf } from "./enums.ts";
import { connectionOf } from "./paging.ts";

@ObjectType("Weights", { description: "A safetensors file." })
export class WeightsType {
  @Field(() => String, { description: "Path on this server." }) url!: string;
  @Field(() => String) sha256!: string;
  @Field(() => Float) bytes!: number;
}

/** Fields that need another row (dataset, trainingRun, adversary, weights) are in services/gateway/models. */
@ObjectType("Model", { description: "A trained network." })
export class ModelType {
  @Field(() => ID) id!: string;
  @Field(() => String) name!: string;
  @Field(() => ArchitectureEnum) architecture!: ValueOf<typeof ArchitectureEnum>;
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
  @Field(() => String, { nullable: true, description: "Name of the data set it was trained on." }) dataset?: string | null;
  @Field(() => ArchitectureEnum, { nullable: true }) architecture?: ValueOf<typeof ArchitectureEnum> | null;
  @Field(() => String, { nullable: true, description: "Part of the name, whatever the case." }) nameContains?: string | null;
  @Field(() => Boolean, { defaultValue: false }) includeDeleted!: boolean;
}

export const ModelConnection = connectionOf("Model", ModelType);
