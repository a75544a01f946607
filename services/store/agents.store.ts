import { and, eq, lt, ne, sql } from "drizzle-orm";

import type { Environment } from "../../schema/jobs/runner-message.ts";
import { type AgentState, agents } from "../../schema/tables/run-data.table.ts";
import type { Db } from "./database.ts";

/** Agents say so often that they live … */
export const AGENT_BEAT_MS = 5000;
/** … and count as dead after this long, three missed beats; their runs may then be taken over. */
export const AGENT_DEAD_AFTER_SECONDS = 15;

/** The only agent also clears away those before it; among several, rows of the long dead go. */
export async function registerAgent(db: Db, id: string, onlyAgent: boolean): Promise<void> {
  await db.delete(agents).where(onlyAgent ? ne(agents.id, id) : lt(agents.seenAt, sql`now() - interval '1 day'`));
  await db.insert(agents).values({ id, state: "starting" });
}

export interface AgentUpdate {
  readonly state?: AgentState;
  readonly currentRunId?: string | null;
  readonly message?: string | null;
  readonly environment?: Environment;
}

/** Every update is also a sign of life. */
export async function updateAgent(db: Db, id: string, update: AgentUpdate = {}): Promise<void> {
  await db.update(agents).set({ ...update, seenAt: sql`now()` }).where(eq(agents.id, id));
}

export async function removeAgent(db: Db, id: string): Promise<void> { await db.delete(agents).where(eq(agents.id, id)); }

/** By the database's clock, the only one that all agents share. */
export async function isAgentAlive(db: Db, id: string): Promise<boolean> {
  const rows = await db.select({ id: agents.id }).from(agents)
    .where(and(eq(agents.id, id), sql`${agents.seenAt} > now() - make_interval(secs => ${AGENT_DEAD_AFTER_SECONDS})`));
  return rows.length > 0;
}
