import "reflect-metadata";
import type { GraphQLSchema } from "graphql";
import { buildSchema, type PubSub } from "type-graphql";

import { applyOneOf } from "../../schema/graphql/one-of.ts";
import { CompareResolver } from "./compare/compare.resolver.ts";
import { DatasetResolver } from "./datasets/dataset.resolver.ts";
import { DeviceStatusResolver } from "./devices/device-status.resolver.ts";
import { ModelResolver } from "./models/model.resolver.ts";
import { ArtifactResolver } from "./results/artifact.resolver.ts";
import { modelOfResolvers } from "./results/model-of.resolver.ts";
import { RunResultsResolver } from "./results/run-results.resolver.ts";
import { ImportMutations } from "./runs/import-mutations.resolver.ts";
import { RunMutations } from "./runs/run-mutations.resolver.ts";
import { RunChangeResolver, RunSubscriptions } from "./runs/run-subscriptions.resolver.ts";
import { RunResolver } from "./runs/run.resolver.ts";

/** type-graphql wants one as soon as there is a subscription; all of ours bring their own `subscribe`, so it is never called. */
const noPubSub: PubSub = {
  publish: () => undefined,
  subscribe: async function* () { /* unused */ } as unknown as PubSub["subscribe"],
};

export async function createSchema(): Promise<GraphQLSchema> {
  return applyOneOf(await buildSchema({
    resolvers: [ModelResolver, DatasetResolver, RunResolver, RunResultsResolver, ArtifactResolver, ...modelOfResolvers, CompareResolver, DeviceStatusResolver, RunMutations, ImportMutations, RunSubscriptions, RunChangeResolver],
    pubSub: noPubSub,
    validate: false, // the job schemas do, in one place
  }));
}
