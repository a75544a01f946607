/** Rows per statement: PostgreSQL takes 65 535 parameters, and PGlite blocks the event loop while it works. */
const CHUNK = 500;

export async function inChunks<T>(rows: readonly T[], write: (chunk: T[]) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < rows.length; i += CHUNK) await write(rows.slice(i, i + CHUNK));
}

/** One per key, the last one: an upsert must not meet the same row twice. */
export function lastOfEach<T>(rows: readonly T[], key: (row: T) => string): T[] {
  return [...new Map(rows.map((row) => [key(row), row])).values()];
}
