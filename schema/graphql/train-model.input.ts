import { Extensions, Field, Float, InputType, Int } from "type-graphql";

import { adversarySchema } from "../jobs/attack.ts";
import { optimiserSchema, trainConfigSchema } from "../jobs/run-config.ts";
import { ATTRIBUTION_DEFAULT, AttributionInput } from "./attribution.input.ts";
import { ArchitectureEnum, type ValueOf } from "./enums.ts";
import { ONE_OF } from "./one-of.ts";
import { RunInput } from "./selection.input.ts";

const TRAIN = trainConfigSchema.parse({ kind: "train", name: "name", dataset: "mnist", architecture: "tiny-cnn" });
const ADVERSARY = adversarySchema.parse({ epsilon: 1 });
const sgd = optimiserSchema.options[0].parse({ kind: "sgd" });
const adamw = optimiserSchema.options[1].parse({ kind: "adamw" });

@InputType()
export class SgdInput {
  @Field(() => Float, { defaultValue: sgd.learningRate }) learningRate!: number;
  @Field(() => Float, { defaultValue: sgd.momentum }) momentum!: number;
  @Field(() => Float, { defaultValue: sgd.weightDecay }) weightDecay!: number;
  @Field(() => Boolean, { defaultValue: sgd.nesterov }) nesterov!: boolean;
}

@InputType()
export class AdamWInput {
  @Field(() => Float, { defaultValue: adamw.learningRate }) learningRate!: number;
  @Field(() => Float, { defaultValue: adamw.beta1 }) beta1!: number;
  @Field(() => Float, { defaultValue: adamw.beta2 }) beta2!: number;
  @Field(() => Float, { defaultValue: adamw.epsilon, description: "Added to the denominator; no pixel distance." }) epsilon!: number;
  @Field(() => Float, { defaultValue: adamw.weightDecay }) weightDecay!: number;
}

@Extensions(ONE_OF)
@InputType({ description: "Exactly one field." })
export class OptimiserInput {
  @Field(() => SgdInput, { nullable: true }) sgd?: SgdInput | null;
  @Field(() => AdamWInput, { nullable: true }) adamw?: AdamWInput | null;
}

@InputType()
export class MultiStepInput {
  @Field(() => [Int], { description: "Epochs at which the learning rate is multiplied by `factor`." }) milestones!: number[];
  @Field(() => Float, { defaultValue: 0.1 }) factor!: number;
}

@InputType()
export class CosineInput {
  @Field(() => Float, { defaultValue: 0, description: "Share of the learning rate that is left at the end." }) finalFactor!: number;
}

@Extensions(ONE_OF)
@InputType({ description: "The learning rate over the epochs: exactly one field." })
export class ScheduleInput {
  @Field(() => Boolean, { nullable: true, description: "`true`: the learning rate stays as it is." }) constant?: boolean | null;
  @Field(() => MultiStepInput, { nullable: true }) multiStep?: MultiStepInput | null;
  @Field(() => CosineInput, { nullable: true }) cosine?: CosineInput | null;
}

@InputType({ description: "Adversarial training: each batch is attacked with l∞ PGD first (Madry et al. 2018)." })
export class AdversaryInput {
  @Field(() => Float, { description: "Radius ε in [0,1] pixel units (0.031 for 8/255), above 0 and at most 1." }) epsilon!: number;
  @Field(() => Float, { nullable: true, description: "In [0,1] pixel units; 2.5·epsilon/steps when absent." }) stepSize?: number | null;
  @Field(() => Int, { defaultValue: ADVERSARY.steps }) steps!: number;
  @Field(() => Boolean, { defaultValue: ADVERSARY.randomStart }) randomStart!: boolean;
  @Field(() => Int, { defaultValue: ADVERSARY.warmupEpochs, description: "Epochs over which ε rises linearly from 0." }) warmupEpochs!: number;
}

@InputType()
export class AugmentationInput {
  @Field(() => Int, { defaultValue: TRAIN.augmentation.cropPadding, description: "Pixels of padding before a random crop; 0 for none." }) cropPadding!: number;
  @Field(() => Boolean, { defaultValue: TRAIN.augmentation.flip, description: "Mirror half of the images." }) flip!: boolean;
}

@InputType()
export class EvaluationPgdInput {
  @Field(() => Float, { description: "Radius ε of the l∞ ball in [0,1] pixel units." }) epsilon!: number;
  @Field(() => Int, { defaultValue: 10 }) steps!: number;
  @Field(() => Float, { nullable: true, description: "2.5·epsilon/steps when absent." }) stepSize?: number | null;
}

@InputType({ description: "What is measured after each epoch." })
export class EvaluationInput {
  @Field(() => Int, { defaultValue: TRAIN.evaluation.count, description: "Held-out (test) images." }) count!: number;
  @Field(() => EvaluationPgdInput, { nullable: true, description: "For the robust accuracy. When absent: the adversary's radius and 10 steps; without an adversary it is not measured." }) pgd?: EvaluationPgdInput | null;
}

@InputType({ description: "Images whose mean Gini index is followed from epoch to epoch." })
export class ProbeInput {
  @Field(() => Int, { defaultValue: TRAIN.probe.count, description: "0 switches it off." }) count!: number;
  @Field(() => AttributionInput, { defaultValue: ATTRIBUTION_DEFAULT }) attribution!: AttributionInput;
}

const { kind: _kind, ...ADAMW_DEFAULT } = adamw;

@InputType()
export class TrainModelInput extends RunInput {
  @Field(() => String, { description: "Name of the model to make, 1 to 100 characters; need not be unique." }) name!: string;
  @Field(() => String, { description: "Name of a data set (query `datasets`)." }) dataset!: string;
  @Field(() => ArchitectureEnum) architecture!: ValueOf<typeof ArchitectureEnum>;
  @Field(() => Int, { defaultValue: TRAIN.epochs }) epochs!: number;
  @Field(() => Int, { defaultValue: TRAIN.batchSize }) batchSize!: number;
  @Field(() => Int, { nullable: true, description: "Use only this many training images (seeded choice); all when absent." }) trainCount?: number | null;
  @Field(() => OptimiserInput, { defaultValue: { adamw: ADAMW_DEFAULT } }) optimiser!: OptimiserInput;
  @Field(() => ScheduleInput, { defaultValue: { cosine: { finalFactor: 0 } } }) schedule!: ScheduleInput;
  @Field(() => AdversaryInput, { nullable: true, description: "Standard training when absent." }) adversary?: AdversaryInput | null;
  @Field(() => AugmentationInput, { defaultValue: TRAIN.augmentation }) augmentation!: AugmentationInput;
  @Field(() => EvaluationInput, { defaultValue: TRAIN.evaluation }) evaluation!: EvaluationInput;
  @Field(() => ProbeInput, { defaultValue: TRAIN.probe }) probe!: ProbeInput;
}
