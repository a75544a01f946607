import { desc } from "drizzle-orm";

import { agents } from "../../../schema/tables/tables.ts";
import type { Db } from "../database.ts";

export type AgentRow = typeof agents.$inferSelect;

/** Newest sign of life first. */
export async function listAgents(db: Db): Promise<AgentRow[]> {
  return db.select().from(agents).orderBy(desc(agents.seenAt), desc(agents.id));
}
