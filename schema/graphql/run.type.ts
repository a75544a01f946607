import { GraphQLJSONObject } from "graphql-scalars";
import { ArgsType, Field, Float, GraphQLISODateTime, ID, Int, ObjectType } from "type-graphql";

import { RunEventTypeEnum, RunKindEnum, RunStatusEnum, SplitEnum, type ValueOf } from "./enums.ts";
import { connectionOf, PageArgs } from "./paging.ts";
import { SeedScalar } from "./seed.scalar.ts";

@ObjectType("Environment", { description: "What the numbers were made on." })
export class EnvironmentType {
  @Field(() => String, { description: "The adapter's own name." }) adapter!: string;
  @Field(() => String, { description: "How it was found: gpu, lavapipe or swiftshader." }) adapterKind!: string;
  @Field(() => Boolean, { description: "Whether it computes on the CPU." }) software!: boolean;
  @Field(() => String) vendor!: string;
  @Field(() => String) architecture!: string;
  @Field(() => String, { description: "Which variants of the kernels run on it." }) kernelFamily!: string;
  @Field(() => String) dawn!: string;
  @Field(() => String) node!: string;
  @Field(() => String) platform!: string;
  @Field(() => String, { description: "Version of Lorenz." }) code!: string;
  @Field(() => String, { nullable: true, description: "How to get a faster adapter; null when this one is not slow." }) advice!: string | null;
  @Field(() => Float, { nullable: true, description: "Measured GFLOP/s of a convolution; null when not measured." }) measuredGflops!: number | null;
}

@ObjectType("KernelVariants", { description: "Which of several kernels that agree up to rounding computed one product of a convolution or linear layer." })
export class KernelVariantsType {
  @Field(() => String, { description: "Operation and shape, without the batch: \"forward 3×3 64→128 /2 +1 on 32×32\" is a 3×3 filter of stride 2 and padding 1." }) product!: string;
  @Field(() => [String], { description: "The kernel, with +x, +w or +dy for each operand that it read as a texture. More than one where batches of several sizes suit several, which then give the same bits, or where a training went on elsewhere." }) variants!: string[];
}

@ObjectType("RunProgress")
export class RunProgressType {
  @Field(() => String) phase!: string;
  @Field(() => Float, { description: "In units of the phase." }) done!: number;
  @Field(() => Float) total!: number;
  @Field(() => Float, { nullable: true, description: "Null until it can be told." }) etaSeconds!: number | null;
  @Field(() => Float, { nullable: true, description: "Null where nothing is counted in images." }) imagesPerSecond!: number | null;
}

@ObjectType("RunError", { description: "Why a run failed." })
export class RunErrorType {
  @Field(() => String, { description: "Stable; the catalogue is schema/errors.ts." }) code!: string;
  @Field(() => String) message!: string;
  @Field(() => GraphQLJSONObject, { nullable: true, description: "What does not fit in the message, such as every tensor of MODEL_MISMATCH; null unless the request or its files were wrong." }) details!: object | null;
}

@ObjectType("ExportedFile")
export class ExportedFileType {
  @Field(() => String, { description: "Path on this server; GET takes Range and answers with an ETag." }) url!: string;
  @Field(() => String) sha256!: string;
  @Field(() => Float) bytes!: number;
}

@ObjectType("SampleSet", { description: "The images a run was done on." })
export class SampleSetType {
  @Field(() => SplitEnum) split!: ValueOf<typeof SplitEnum>;
  @Field(() => [Int], { description: "Indices in the split." }) indices!: number[];
}

/** Fields that need another table are in services/gateway/runs and services/gateway/results. */
@ObjectType("Run", { description: "One piece of work: what was asked (config, seed), how it went, and what came out." })
export class RunType {
  @Field(() => ID) id!: string;
  @Field(() => RunKindEnum) kind!: ValueOf<typeof RunKindEnum>;
  @Field(() => RunStatusEnum) status!: ValueOf<typeof RunStatusEnum>;
  @Field(() => GraphQLJSONObject, { description: "What was asked, in the words of schema/jobs, with every default filled in; ε in [0,1] pixel units." }) config!: object;
  @Field(() => SeedScalar) seed!: string;
  @Field(() => Int, { description: "0 until an agent takes it; above 1 when it was tried again." }) attempt!: number;
  @Field(() => Int, { description: "Number of its newest event: the `after` that continues from here." }) lastSeq!: number;
  @Field(() => EnvironmentType, { nullable: true, description: "Null until it starts." }) environment!: EnvironmentType | null;
  @Field(() => RunProgressType, { nullable: true, description: "Null until the first report." }) progress!: RunProgressType | null;
  @Field(() => SampleSetType, { nullable: true, description: "Null for training and until it is drawn." }) sampleSet!: SampleSetType | null;
  @Field(() => GraphQLISODateTime) createdAt!: Date;
  @Field(() => GraphQLISODateTime, { nullable: true, description: "Null while it waits." }) startedAt!: Date | null;
  @Field(() => GraphQLISODateTime, { nullable: true, description: "Null until it has ended." }) finishedAt!: Date | null;
  @Field(() => GraphQLISODateTime, { nullable: true, description: "When cancelRun was called." }) cancelRequestedAt!: Date | null;
}

@ObjectType("RunEvent", { description: "One entry of a run's append-only log." })
export class RunEventType {
  @Field(() => ID) runId!: string;
  @Field(() => Int, { description: "1, 2, 3, … without gaps within a run: the cursor." }) seq!: number;
  @Field(() => Int) attempt!: number;
  @Field(() => RunEventTypeEnum) type!: ValueOf<typeof RunEventTypeEnum>;
  @Field(() => GraphQLJSONObject, { description: "Depends on the type." }) payload!: object;
  @Field(() => GraphQLISODateTime) at!: Date;
}

@ObjectType("RunChange", { description: "A run that was added or whose status changed." })
export class RunChangeType {
  @Field(() => ID) runId!: string;
  @Field(() => RunStatusEnum) status!: ValueOf<typeof RunStatusEnum>;
}

@ArgsType()
export class RunsArgs extends PageArgs {
  @Field(() => RunKindEnum, { nullable: true }) kind?: ValueOf<typeof RunKindEnum> | null;
  @Field(() => RunStatusEnum, { nullable: true }) status?: ValueOf<typeof RunStatusEnum> | null;
  @Field(() => ID, { nullable: true, description: "Runs that read or made this model." }) modelId?: string | null;
}

export const EVENTS_LIMIT = 1000;

@ArgsType()
export class EventsArgs {
  @Field(() => Int, { defaultValue: 0, description: "Events after this `seq`; 0 for all." }) after!: number;
  @Field(() => Int, { defaultValue: 200, description: `At most this many, 1 to ${EVENTS_LIMIT}.` }) first!: number;
}

export const RunConnection = connectionOf("Run", RunType);
