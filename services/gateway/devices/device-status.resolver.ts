import { Ctx, Query, Resolver } from "type-graphql";

import { DeviceStatusType } from "../../../schema/graphql/device-status.type.ts";
import { listAgents } from "../../store/queries/agents.query.ts";
import { countByStatus } from "../../store/queries/runs.query.ts";
import type { GatewayContext } from "../context.ts";

@Resolver(() => DeviceStatusType)
export class DeviceStatusResolver {
  @Query(() => DeviceStatusType, { description: "Who computes, on what, how fast, and what waits." })
  async deviceStatus(@Ctx() { database: { db } }: GatewayContext): Promise<DeviceStatusType> {
    const [agents, counts] = await Promise.all([listAgents(db), countByStatus(db)]);
    const environments = agents.flatMap(({ environment }) => environment ?? []);
    const measured = environments.flatMap(({ measuredGflops }) => measuredGflops ?? []);
    return {
      agents, queueLength: counts.get("queued") ?? 0, runningCount: counts.get("running") ?? 0,
      measuredGflops: measured.length === 0 ? null : measured.reduce((sum, each) => sum + each, 0),
      advice: [...new Set(environments.flatMap(({ advice }) => advice ?? []))],
    };
  }
}
