import { unwrapResolverError } from "@apollo/server/errors";
import { GraphQLError, type GraphQLFormattedError, Kind } from "graphql";

import { entryOf } from "../../schema/errors.ts";
import { AppError } from "../common/errors.ts";
import { newId } from "../common/ids.ts";
import type { Logger } from "../common/log.ts";

/** Marks errors of the complexity rules: Apollo overwrites the code of whatever a validation rule reports. */
export const LIMIT_EXCEEDED = "limitExceeded";

/** Codes of the GraphQL transport itself (Apollo's), whose messages describe the caller's document and nothing else. */
const PROTOCOL_CODES: ReadonlySet<string> = new Set([
  "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "OPERATION_RESOLUTION_FAILURE", "BAD_REQUEST", "PERSISTED_QUERY_NOT_FOUND", "PERSISTED_QUERY_NOT_SUPPORTED", "QUERY_TOO_COMPLEX",
]);

/** graphql-js names the place inside a wrong variable only in its message. */
const AT_FIELD = /^Variable "\$[^"]*" got invalid value .* at "([^"]+)"; /s;
/** Nor has its token limit a code. */
const TOO_MANY_TOKENS = /^Syntax Error: Document contains more tha[nt] \d+ tokens/;

/**
 * The one place where an error becomes what a client sees; HTTP, WebSocket and the plain routes use it. A caller's error
 * keeps message, code and field; anything else becomes INTERNAL with an incident id, and is logged in full once under
 * that id. Never throws.
 */
export function createErrorFormatter(log: Logger): (error: unknown) => GraphQLFormattedError {
  return (error) => {
    const { locations, path } = error instanceof GraphQLError ? error.toJSON() : {};
    const place = { ...(locations && { locations }), ...(path && { path }) };
    const cause = error instanceof GraphQLError ? unwrapResolverError(error) : error;
    const known = cause instanceof AppError ? ofApp(cause) : cause instanceof GraphQLError ? ofProtocol(cause) : undefined;
    if (known) return { ...known, ...place };
    if (isUnstorable(cause)) return { message: "expected text and numbers that the database can hold: no NUL, no lone surrogate, integers in range", ...place, extensions: { code: "INVALID_INPUT" } };
    const incident = newId();
    log.error({ err: cause, incident, path }, "unexpected error");
    return { message: `Internal error; the server's log has the incident ${incident}.`, ...place, extensions: { code: "INTERNAL", incident } };
  };
}

/** SQLSTATE class 22, "data exception": a value that passed every check and yet has no place in a column. */
function isUnstorable(error: unknown): boolean {
  const state = (error as { cause?: { code?: unknown } } | undefined)?.cause?.code;
  return typeof state === "string" && state.length === 5 && state.startsWith("22");
}

function ofApp(error: AppError): GraphQLFormattedError | undefined {
  if (entryOf(error.code).audience !== "caller") return undefined;
  const { field, issues } = error.details;
  return { message: error.message, extensions: { code: error.code, ...(field !== undefined && { field }), ...(issues !== undefined && { issues }) } };
}

function ofProtocol(error: GraphQLError): GraphQLFormattedError | undefined {
  // A variable of the wrong type or shape: Apollo would give it a code, over WebSocket nobody does.
  const [node] = error.nodes ?? [];
  if (node?.kind === Kind.VARIABLE_DEFINITION) return { message: error.message, extensions: { code: "INVALID_INPUT", field: AT_FIELD.exec(error.message)?.[1] ?? node.variable.name.value } };
  if (error.extensions[LIMIT_EXCEEDED] === true || TOO_MANY_TOKENS.test(error.message)) return { message: error.message, extensions: { code: "QUERY_TOO_COMPLEX" } };
  const code = error.extensions["code"];
  return typeof code === "string" && PROTOCOL_CODES.has(code) ? { message: error.message, extensions: { code } } : undefined;
}
