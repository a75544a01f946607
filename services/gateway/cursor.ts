import { z } from "zod";

import { PAGE_LIMIT, type Connection } from "../../schema/graphql/paging.ts";
import { AppError } from "../common/errors.ts";

/** Opaque keyset cursors: base64url of the JSON of the sort key of the last row. */
export function encodeCursor(key: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(key)).toString("base64url");
}

/** @throws AppError INVALID_INPUT, field "after", when `text` is not a cursor of this list. */
export function decodeCursor<T>(text: string | null | undefined, key: z.ZodType<T>): T | undefined {
  if (text === null || text === undefined) return undefined;
  const parsed = key.safeParse(parseJson(Buffer.from(text, "base64url").toString("utf8")));
  if (!parsed.success) throw new AppError("INVALID_INPUT", "after: expected a cursor that this list returned with the same order, got something else", { field: "after" });
  return parsed.data;
}

/** Key of lists by time of creation, newest first. */
export const createdAtKey = z.tuple([z.iso.datetime(), z.uuid()]).transform(([createdAt, id]) => ({ createdAt: new Date(createdAt), id }));

export function cursorOfCreated(row: { readonly createdAt: Date; readonly id: string }): string {
  return encodeCursor([row.createdAt.toISOString(), row.id]);
}

/** @throws AppError INVALID_INPUT, field "first", outside 1 … limit. */
export function checkFirst(first: number, limit: number = PAGE_LIMIT): number {
  if (first >= 1 && first <= limit) return first;
  throw new AppError("INVALID_INPUT", `first: expected 1 to ${limit}, got ${first}`, { field: "first" });
}

/** Makes a page of `first` rows out of up to `first + 1` that a query returned. */
export function connection<T>(rows: readonly T[], first: number, cursorOf: (row: T) => string): Connection<T> {
  const edges = rows.slice(0, first).map((node) => ({ node, cursor: cursorOf(node) }));
  return { edges, pageInfo: { hasNextPage: rows.length > first, endCursor: edges.at(-1)?.cursor ?? null } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
