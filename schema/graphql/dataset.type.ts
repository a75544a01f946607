import { Field, Float, Int, ObjectType } from "type-graphql";

@ObjectType("Normalisation", { description: "Per channel, in [0,1] pixel units: the network's first operator is (x − mean)/std." })
export class NormalisationType {
  @Field(() => [Float]) mean!: number[];
  @Field(() => [Float]) std!: number[];
}

@ObjectType("Dataset", { description: "Labelled images in [0, 1] that the agents know how to read." })
export class DatasetType {
  @Field(() => String, { description: "The key: `mnist-digits`, `mnist`, `fashion-mnist`, `cifar10`." }) name!: string;
  @Field(() => String) title!: string;
  @Field(() => Boolean, { description: "Whether an agent found its files." }) available!: boolean;
  @Field(() => String, { nullable: true, description: "Why it is not available and what to install; null when it is." }) reason!: string | null;
  @Field(() => String, { nullable: true, description: "sha256 over images, labels and split; null when not available." }) contentHash!: string | null;
  @Field(() => Int) trainCount!: number;
  @Field(() => Int) testCount!: number;
  @Field(() => [Int], { description: "[channels, height, width]" }) inputShape!: number[];
  @Field(() => [String], { description: "Class names; a label is an index into them." }) classes!: string[];
  @Field(() => NormalisationType) normalisation!: NormalisationType;
  @Field(() => String) licence!: string;
  @Field(() => String) source!: string;
}
