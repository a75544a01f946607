import { Arg, Ctx, FieldResolver, ID, Query, Resolver, Root } from "type-graphql";

import { ComparisonType } from "../../../schema/graphql/comparison.type.ts";
import { RunType } from "../../../schema/graphql/run.type.ts";
import { invariant } from "../../common/errors.ts";
import type { RunRow } from "../../store/queries/runs.query.ts";
import type { GatewayContext } from "../context.ts";
import { compareModels } from "./compare-models.use-case.ts";

@Resolver(() => ComparisonType)
export class CompareResolver {
  @Query(() => ComparisonType, { description: "The table of an audit, for these models. NOT_FOUND, saying what to run, when there is none." })
  compare(
    @Arg("models", () => [ID]) models: string[],
    @Arg("runId", () => ID, { nullable: true, description: "A succeeded audit; when absent, the newest of exactly these models, or else the newest that has them all." }) runId: string | null,
    @Ctx() context: GatewayContext,
  ): Promise<ComparisonType> {
    return compareModels(context, models, runId ?? null);
  }

  @FieldResolver(() => RunType, { description: "The audit." })
  async run(@Root() { runId }: ComparisonType, @Ctx() { loaders }: GatewayContext): Promise<RunRow> {
    const run = await loaders.run.load(runId);
    invariant(run, `the comparison's run ${runId} has no row`);
    return run;
  }
}
