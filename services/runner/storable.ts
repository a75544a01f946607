/**
 * Text as a database can keep it: PostgreSQL's has no U+0000, and its JSON no half of a surrogate pair. Names in files that
 * somebody brings may hold either, and stand in errors and warnings.
 *
 * @param value what crosses IPC: JSON.
 */
export function storable<T>(value: T): T {
  if (typeof value === "string") return value.replace(/[\0\p{Surrogate}]/gu, "\uFFFD") as T;
  if (Array.isArray(value)) return value.map(storable) as T;
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [storable(key), storable(one)])) as T;
}
