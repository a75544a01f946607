import type { Response } from "express";
import type { GraphQLFormattedError } from "graphql";

/** Status of the plain routes' errors by code; all others are 500. */
const STATUS: Readonly<Record<string, number>> = { NOT_FOUND: 404, INVALID_INPUT: 400, CONFLICT: 409, UPLOAD_TOO_LARGE: 413, RANGE_NOT_SATISFIABLE: 416, STORAGE_FULL: 507 };

/** The JSON body of a plain route's error: the same code and message that GraphQL would give. */
export function sendError(response: Response, { message, extensions }: GraphQLFormattedError, status?: number): void {
  const code = String(extensions?.["code"]);
  response.status(status ?? STATUS[code] ?? 500).set("cache-control", "no-store").json({ error: { ...extensions, code, message } });
}
