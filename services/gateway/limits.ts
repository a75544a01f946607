import { ApolloArmor } from "@escape.tech/graphql-armor";
import { type DocumentNode, GraphQLError, type GraphQLSchema, parse, specifiedRules, validate, type ValidationContext, type ValidationRule } from "graphql";

import type { Config } from "../common/config.ts";
import { LIMIT_EXCEEDED } from "./format-error.ts";

export type Limits = Pick<Config, "maxDepth" | "maxAliases" | "maxTokens">;

/** Cost as graphql-armor counts it: 1 a scalar, 2 an object, ×1.5 a level, × a literal `first`. A page of 200 rows with 20 fields costs some 15 000. */
const MAX_COST = 60_000;
const MAX_DIRECTIVES = 20;
/** Largest request body and WebSocket message: one value per sub-pixel of a 224×224 image as JSON text, and room. */
export const MAX_BODY_BYTES = 4 * 1024 * 1024;

/**
 * The rules that bound a document, for Apollo and for WebSocket operations alike. Introspection does not count, so that
 * GraphiQL works. Tokens are bounded while parsing: armor's own token limit throws out of a hook and becomes a 500.
 */
export function limitRules(limits: Limits): readonly ValidationRule[] {
  // Reported to the context as one more validation error; thrown, it would abort the others and become a 500.
  const report = (context: ValidationContext | null, error: GraphQLError) =>
    context?.reportError(new GraphQLError(error.message.replace(/^Syntax Error: /, ""), { extensions: { [LIMIT_EXCEEDED]: true } }));
  const common = { onReject: [report], propagateOnRejection: false };
  return new ApolloArmor({
    maxDepth: { ...common, n: limits.maxDepth, flattenFragments: true },
    maxAliases: { ...common, n: limits.maxAliases },
    maxDirectives: { ...common, n: MAX_DIRECTIVES },
    costLimit: { ...common, maxCost: MAX_COST },
    maxTokens: { enabled: false },
    blockFieldSuggestion: { enabled: false }, // introspection is open: there is nothing to hide
  }).protect().validationRules;
}

/** Parses and validates an operation that comes over WebSocket, where Apollo's rules do not apply; errors have Apollo's codes. */
export function checkDocument(schema: GraphQLSchema, source: string, limits: Limits, rules: readonly ValidationRule[]): { document: DocumentNode } | { errors: readonly GraphQLError[] } {
  let document: DocumentNode;
  try {
    document = parse(source, { maxTokens: limits.maxTokens });
  } catch (error) {
    return { errors: [coded(error as GraphQLError, "GRAPHQL_PARSE_FAILED")] };
  }
  const errors = validate(schema, document, [...specifiedRules, ...rules]);
  return errors.length > 0 ? { errors: errors.map((e) => coded(e, "GRAPHQL_VALIDATION_FAILED")) } : { document };
}

function coded(error: GraphQLError, code: string): GraphQLError {
  Object.assign(error.extensions, { code });
  return error;
}
