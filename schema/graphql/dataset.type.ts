import { GraphQLJSONObject } from "graphql-scalars";
import { Field, Float, Int, ObjectType } from "type-graphql";

import { DatasetOriginEnum, type ValueOf } from "./enums.ts";

@ObjectType("Normalisation", { description: "Per channel, in [0,1] pixel units: the network's first operator is (x − mean)/std." })
export class NormalisationType {
  @Field(() => [Float]) mean!: number[];
  @Field(() => [Float]) std!: number[];
}

@ObjectType("Warning", { description: "Something about a model or data set that its user should know, though it can be used." })
export class WarningType {
  @Field(() => String, { description: "Stable, such as SOFTMAX_HEAD." }) code!: string;
  @Field(() => String) message!: string;
}

@ObjectType("PerClass", { description: "Images per class, in the order of the classes." })
export class PerClassType {
  @Field(() => [Int]) train!: readonly number[];
  @Field(() => [Int]) test!: readonly number[];
}

@ObjectType("Dataset", { description: "Labelled images in [0, 1] that the agents know how to read." })
export class DatasetType {
  @Field(() => String, { description: "The key: `mnist-digits`, `mnist`, `fashion-mnist`, `cifar10`, or the name that it was registered under." }) name!: string;
  @Field(() => DatasetOriginEnum) origin!: ValueOf<typeof DatasetOriginEnum>;
  @Field(() => String) title!: string;
  @Field(() => Boolean, { description: "Whether an agent found its files." }) available!: boolean;
  @Field(() => String, { nullable: true, description: "Why it is not available and what to install; null when it is." }) reason!: string | null;
  @Field(() => String, { nullable: true, description: "sha256 over images, labels and split; null when not available." }) contentHash!: string | null;
  @Field(() => Int) trainCount!: number;
  @Field(() => Int) testCount!: number;
  @Field(() => PerClassType, { nullable: true, description: "Null when not available." }) perClass!: PerClassType | null;
  @Field(() => [Int], { description: "[channels, height, width]" }) inputShape!: number[];
  @Field(() => [String], { description: "Class names; a label is an index into them." }) classes!: string[];
  @Field(() => NormalisationType, { description: "Mean and standard deviation over all pixels of the training split; of the test split when there is no other." }) normalisation!: NormalisationType;
  @Field(() => [WarningType]) warnings!: WarningType[];
  @Field(() => String) licence!: string;
  @Field(() => String) source!: string;
  @Field(() => GraphQLJSONObject, { nullable: true, description: "How a registered one is read, in the words of schema/jobs; null for built-in ones." }) readFrom!: object | null;
}
