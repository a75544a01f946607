import { Field, ID, InputType, Int } from "type-graphql";

import { selectionSchema } from "../jobs/run-config.ts";
import { SplitEnum, type ValueOf } from "./enums.ts";
import { SeedScalar } from "./seed.scalar.ts";

export const SELECTION_DEFAULT = selectionSchema.parse({});

@InputType({ description: "Which images of a data set: `count` seeded ones, or exactly `indices`." })
export class SelectionInput {
  @Field(() => SplitEnum, { defaultValue: SELECTION_DEFAULT.split }) split!: ValueOf<typeof SplitEnum>;
  @Field(() => Int, { defaultValue: SELECTION_DEFAULT.count }) count!: number;
  @Field(() => [Int], { nullable: true, description: "Indices in the split." }) indices?: number[] | null;
  @Field(() => Boolean, { defaultValue: SELECTION_DEFAULT.correctOnly, description: "Keep only images that the model classifies correctly." }) correctOnly!: boolean;
}

/** What every mutation that makes a run takes. */
@InputType()
export class RunInput {
  @Field(() => SeedScalar, { nullable: true, description: "Drawn and stored when absent. Same seed, input and adapter: same bits." }) seed?: string | null;
  @Field(() => String, { nullable: true, description: "1 to 200 characters. The same key with the same input returns the run it made the first time; with another input: CONFLICT." }) idempotencyKey?: string | null;
}

@InputType()
export class ModelRunInput extends RunInput {
  @Field(() => ID) model!: string;
  @Field(() => String, { nullable: true, description: "Name of a data set that fits the model; the one it was trained on when absent." }) dataset?: string | null;
  @Field(() => SelectionInput, { defaultValue: SELECTION_DEFAULT }) selection!: SelectionInput;
  @Field(() => Int, { defaultValue: 64, description: "Images at a time; does not change results." }) batchSize!: number;
}
