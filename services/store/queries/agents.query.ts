import { desc, sql } from "drizzle-orm";

import { agents } from "../../../schema/tables/tables.ts";
import { AGENT_DEAD_AFTER_SECONDS } from "../agents.store.ts";
import type { Db } from "../database.ts";

export type AgentRow = typeof agents.$inferSelect;

/** Those that live, the newest sign of life first. */
export async function listAgents(db: Db): Promise<AgentRow[]> {
  return db.select().from(agents).where(sql`${agents.seenAt} > now() - make_interval(secs => ${AGENT_DEAD_AFTER_SECONDS})`).orderBy(desc(agents.seenAt), desc(agents.id));
}
