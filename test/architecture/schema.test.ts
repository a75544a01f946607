import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";
import { assertValidSchema, type GraphQLObjectType, isInputObjectType, isIntrospectionType, isNonNullType, isObjectType } from "graphql";

import { createSchema } from "../../services/gateway/build-schema.ts";
import { printedSchema, schemaFile } from "../support/emit-schema.ts";

// This file runs under tsx, which emits no decorator metadata: that the schema builds here shows that every decorator names its type.
const schema = await createSchema();

it("is valid, and builds the same again", async () => {
  assertValidSchema(schema);
  assert.equal(await printedSchema(), await printedSchema());
});

it("schema/schema.graphql is what the code says; `npm run gen` writes it", async () => {
  assert.equal(readFileSync(schemaFile, "utf8"), await printedSchema());
});

it("every operation says what it does, unless its name is all there is to say", () => {
  for (const type of [schema.getMutationType()!, schema.getSubscriptionType()!]) {
    for (const field of Object.values(type.getFields())) assert.ok(field.description, `${type.name}.${field.name}`);
  }
});

it("every ε says its unit", () => {
  const fields = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type) || isInputObjectType(type)).filter((type) => type.name !== "AdamWInput")
    .flatMap((type) => Object.values(type.getFields()).filter((field) => field.name === "epsilon").map((field) => [type.name, field.description ?? ""] as const));
  assert.ok(fields.length >= 5);
  for (const [type, description] of fields) assert.match(description, /\[0,1\] pixel units/, type);
});

it("every nullable field of a result says what its absence means", () => {
  const silent = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type) && !isIntrospectionType(type))
    .flatMap((type) => Object.values((type as GraphQLObjectType).getFields()).filter((field) => !isNonNullType(field.type) && !field.description).map((field) => `${type.name}.${field.name}`));
  assert.deepEqual(silent, []);
});

it("no name of a class leaks: object types are called what they are", () => {
  assert.deepEqual(Object.values(schema.getTypeMap()).filter((type) => isObjectType(type) && !isIntrospectionType(type) && type.name.endsWith("Type")).map((type) => type.name), []);
});
