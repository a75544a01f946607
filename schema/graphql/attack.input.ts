import { Extensions, Field, Float, InputType, Int } from "type-graphql";

import { inductiveNoiseSchema, inductiveOcclusionSchema, pgdSchema } from "../jobs/attack.ts";
import { NoiseLawEnum, NoiseTypeEnum, NormEnum, type ValueOf } from "./enums.ts";
import { ONE_OF } from "./one-of.ts";

const PGD = pgdSchema.parse({ kind: "pgd", epsilon: 1 });
const NOISE = inductiveNoiseSchema.parse({ kind: "inductive-noise", type: "I", k: [1] });
const OCCLUSION = inductiveOcclusionSchema.parse({ kind: "inductive-occlusion" });

@InputType({ description: "Projected gradient ascent inside a ball around the image (Madry et al. 2018)." })
export class PgdInput {
  @Field(() => NormEnum, { defaultValue: PGD.norm }) norm!: ValueOf<typeof NormEnum>;
  @Field(() => Float, { description: "Radius ε in [0,1] pixel units (0.031 for 8/255). LINF: at most 1. L2: at most √(sub-pixels)." }) epsilon!: number;
  @Field(() => Float, { nullable: true, description: "In [0,1] pixel units; 2.5·epsilon/steps when absent." }) stepSize?: number | null;
  @Field(() => Int, { defaultValue: PGD.steps }) steps!: number;
  @Field(() => Int, { defaultValue: PGD.restarts, description: "Independent random starts; the one with the highest loss counts." }) restarts!: number;
  @Field(() => Boolean, { defaultValue: PGD.randomStart }) randomStart!: boolean;
  @Field(() => Int, { nullable: true, description: "Class to move to; untargeted when absent." }) target?: number | null;
}

@InputType({ description: "Plain noise on the k sub-pixels with the highest attribution, and on k random ones as control." })
export class InductiveNoiseInput {
  @Field(() => NoiseTypeEnum) type!: ValueOf<typeof NoiseTypeEnum>;
  @Field(() => [Int], { description: "Numbers of sub-pixels, each at least 1 and at most the image's." }) k!: number[];
  @Field(() => NoiseLawEnum, { defaultValue: NOISE.law, description: "N(0, 1), or uniform on [0, 1]; the result is clipped to [0, 1]." }) law!: ValueOf<typeof NoiseLawEnum>;
  @Field(() => Int, { defaultValue: NOISE.draws, description: "Independent draws per image and k." }) draws!: number;
}

@InputType({ description: "Squares of one colour on the highest-ranked pixels, and on random ones as control." })
export class InductiveOcclusionInput {
  @Field(() => Int, { defaultValue: OCCLUSION.maxCount, description: "N of the paper: 1 … N squares are tried." }) maxCount!: number;
  @Field(() => Int, { defaultValue: OCCLUSION.maxRadius, description: "R of the paper: radii 1 … R are tried." }) maxRadius!: number;
  @Field(() => [Float], { defaultValue: OCCLUSION.colours, description: "Grey values in [0, 1]." }) colours!: number[];
}

@Extensions(ONE_OF)
@InputType({ description: "One attack: exactly one field." })
export class AttackInput {
  @Field(() => PgdInput, { nullable: true }) pgd?: PgdInput | null;
  @Field(() => InductiveNoiseInput, { nullable: true }) inductiveNoise?: InductiveNoiseInput | null;
  @Field(() => InductiveOcclusionInput, { nullable: true }) inductiveOcclusion?: InductiveOcclusionInput | null;
}
