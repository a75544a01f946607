import { sql } from "drizzle-orm";

import type { MetricPoint } from "../../schema/jobs/runner-message.ts";
import { metrics } from "../../schema/tables/tables.ts";
import type { Db } from "./database.ts";
import { inChunks, lastOfEach } from "./rows.ts";

/** A point that is there already is replaced: a resumed run repeats what came after its checkpoint. */
export async function saveMetrics(tx: Db, runId: string, points: readonly MetricPoint[]): Promise<void> {
  const rows = lastOfEach(points, (p) => `${p.series}\n${p.step}`).map((p) => ({ runId, ...p }));
  await inChunks(rows, (chunk) => tx.insert(metrics).values(chunk)
    .onConflictDoUpdate({ target: [metrics.runId, metrics.series, metrics.step], set: { value: sql`excluded.value` } }));
}
