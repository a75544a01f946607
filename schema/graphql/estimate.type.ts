import { Field, Float, Int, ObjectType } from "type-graphql";

import type { Mean, Rate } from "../jobs/results.ts";

@ObjectType("Rate", { description: "`count` of `n`, with the 95 % Wilson score interval." })
export class RateType implements Rate {
  @Field(() => Int) count!: number;
  @Field(() => Int) n!: number;
  @Field(() => Float, { description: "count/n; 0 when n is 0." }) rate!: number;
  @Field(() => Float) low!: number;
  @Field(() => Float) high!: number;
}

@ObjectType("MeanEstimate", { description: "Mean over images with the sample standard deviation and the 95 % interval of the mean (Student's t)." })
export class MeanType implements Mean {
  @Field(() => Float) mean!: number;
  @Field(() => Float, { description: "0 when n is 1." }) sd!: number;
  @Field(() => Int, { description: "Images." }) n!: number;
  @Field(() => Float) low!: number;
  @Field(() => Float) high!: number;
}
