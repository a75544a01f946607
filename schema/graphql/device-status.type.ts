import { Field, Float, GraphQLISODateTime, ID, Int, ObjectType } from "type-graphql";

import { AgentStateEnum, type ValueOf } from "./enums.ts";
import { EnvironmentType } from "./run.type.ts";

@ObjectType("Agent", { description: "A process that owns a device and takes runs from the queue." })
export class AgentType {
  @Field(() => ID) id!: string;
  @Field(() => AgentStateEnum) state!: ValueOf<typeof AgentStateEnum>;
  @Field(() => EnvironmentType, { nullable: true, description: "Its adapter, with measured speed and advice; null until it has looked." }) environment!: EnvironmentType | null;
  @Field(() => ID, { nullable: true, description: "The run it works on." }) currentRunId!: string | null;
  @Field(() => String, { nullable: true, description: "What keeps it from working." }) message!: string | null;
  @Field(() => GraphQLISODateTime) startedAt!: Date;
  @Field(() => GraphQLISODateTime, { description: "Last sign of life." }) seenAt!: Date;
}

@ObjectType("DeviceStatus")
export class DeviceStatusType {
  @Field(() => [AgentType], { description: "Newest sign of life first." }) agents!: AgentType[];
  @Field(() => Int, { description: "Runs waiting." }) queueLength!: number;
  @Field(() => Int, { description: "Runs in work." }) runningCount!: number;
  @Field(() => Float, { nullable: true, description: "Sum of the agents' measured GFLOP/s; null when none was measured." }) measuredGflops!: number | null;
  @Field(() => [String], { description: "What would make it faster, if anything." }) advice!: string[];
}
