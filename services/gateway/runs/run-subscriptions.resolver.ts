import { Arg, Ctx, FieldResolver, ID, Int, type ResolverData, Resolver, Root, Subscription } from "type-graphql";

import { RunChangeType, RunEventType, RunType } from "../../../schema/graphql/run.type.ts";
import { AppError } from "../../common/errors.ts";
import type { RunEventRow } from "../../store/events.store.ts";
import type { RunRow, RunState } from "../../store/queries/runs.query.ts";
import { runsByIds } from "../../store/queries/runs.query.ts";
import { getRun } from "../../store/runs.store.ts";
import type { GatewayContext } from "../context.ts";
import { atField, requireId } from "../require-id.ts";

const ENDED: ReadonlySet<string> = new Set(["succeeded", "failed", "cancelled"]);

type Data<A> = ResolverData<GatewayContext> & { args: A };

@Resolver()
export class RunSubscriptions {
  @Subscription(() => [RunEventType], {
    description: "The run's log in batches: history after `after` first, then live, without gap or duplicate; ends after its last event. To go on after a broken connection, subscribe again with the last `seq` received.",
    subscribe: ({ args, context }) => followRun({ args, context } as Data<{ runId: string; after: number }>),
  })
  runEvents(
    @Root() batch: readonly RunEventRow[],
    @Arg("runId", () => ID) _runId: string,
    @Arg("after", () => Int, { defaultValue: 0, description: "The last `seq` that you have; 0 for all." }) _after: number,
  ): readonly RunEventRow[] {
    return batch;
  }

  @Subscription(() => [RunChangeType], {
    description: "Runs that were added or whose status changed from now on, in batches; what happens faster than you read is put together. Send the query for `runs` after it on the same socket, and nothing is missed.",
    subscribe: ({ context }) => (context as GatewayContext).changes.subscribe(),
  })
  runsChanged(@Root() states: readonly RunState[]): RunChangeType[] {
    return states.map(({ id, status }) => ({ runId: id, status }));
  }
}

@Resolver(() => RunChangeType)
export class RunChangeResolver {
  @FieldResolver(() => RunType, { nullable: true, description: "As it is now." })
  async run(@Root() change: RunChangeType, @Ctx() { database }: GatewayContext): Promise<RunRow | undefined> {
    // No loader here: a subscription's context lives as long as the subscription, and so would what it has cached.
    return (await runsByIds(database.db, [change.runId]))[0];
  }
}

/** @throws AppError NOT_FOUND; INVALID_INPUT when `after` lies beyond the run's last event. */
async function followRun({ args: { runId, after }, context }: Data<{ runId: string; after: number }>): Promise<AsyncIterable<readonly RunEventRow[]>> {
  const run = await atField("runId", getRun(context.database.db, requireId(runId, "runId", "run")));
  if (after < 0 || after > run.lastSeq) throw new AppError("INVALID_INPUT", `after: expected 0 to ${run.lastSeq}, the number of the run's newest event, got ${after}`, { field: "after" });
  return ENDED.has(run.status) && after === run.lastSeq ? nothing() : context.hub.subscribe(run.id, after);
}

async function* nothing(): AsyncGenerator<never, void, void> { /* ends at once */ }
