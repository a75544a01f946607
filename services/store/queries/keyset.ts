import { and, type AnyColumn, asc, desc, eq, gt, isNull, lt, or, type SQL, sql } from "drizzle-orm";

export interface CreatedKey { readonly createdAt: Date; readonly id: string }

/** Rows after `key` in the order newest first, id as tie-break: many rows may have the same millisecond. */
export function olderThan(columns: { readonly createdAt: AnyColumn; readonly id: AnyColumn }, key: CreatedKey | undefined): SQL | undefined {
  if (!key) return undefined;
  return or(lt(columns.createdAt, key.createdAt), and(eq(columns.createdAt, key.createdAt), lt(columns.id, key.id)));
}

export type Direction = "asc" | "desc";

/** Key of a list sorted by a nullable number, with an id as tie-break; nulls come last in either direction. */
export interface NumberKey { readonly value: number | null; readonly id: number }

export function byNumber(value: AnyColumn, id: AnyColumn, direction: Direction): SQL[] {
  return [sql`${value} is null`, direction === "asc" ? asc(value) : desc(value), asc(id)];
}

export function afterNumber(value: AnyColumn, id: AnyColumn, direction: Direction, key: NumberKey | undefined): SQL | undefined {
  if (!key) return undefined;
  if (key.value === null) return and(isNull(value), gt(id, key.id));
  const beyond = direction === "asc" ? gt(value, key.value) : lt(value, key.value);
  return or(beyond, and(eq(value, key.value), gt(id, key.id)), isNull(value));
}
