import { sql } from "drizzle-orm";

import type { Channel, Db } from "./database.ts";

/** Delivered when the transaction commits. */
export async function notify(tx: Db, channel: Channel, payload: string): Promise<void> {
  await tx.execute(sql`select pg_notify(${channel}, ${payload})`);
}
