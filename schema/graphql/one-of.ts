import { type GraphQLSchema, isInputObjectType } from "graphql";

/** type-graphql cannot declare `@oneOf` yet: an input class says it with `@Extensions(ONE_OF)`, and `applyOneOf` makes it so. */
export const ONE_OF = { oneOf: true } as const;

/** Turns on graphql-js's own exactly-one-field rule, for literals, variables, introspection and the printed SDL. */
export function applyOneOf(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (isInputObjectType(type) && type.extensions["oneOf"] === true) type.isOneOf = true;
  }
  return schema;
}
