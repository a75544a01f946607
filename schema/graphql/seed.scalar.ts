import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from "graphql";

const LARGEST = 2n ** 64n - 1n;

/** Seeds are 64 bit and JSON numbers end at 2^53, so they leave as decimal text and may come in as either. */
export const SeedScalar = new GraphQLScalarType<string, string>({
  name: "Seed",
  description: "A seed from 0 to 2^64 − 1: decimal text, or an integer up to 2^53. Always returned as text.",
  serialize: (value) => String(value),
  parseValue: readSeed,
  parseLiteral(node: ValueNode): string {
    if (node.kind === Kind.STRING) return readSeed(node.value);
    // An integer literal is text in the document, so no bit is lost here.
    if (node.kind === Kind.INT) return readSeed(node.value);
    throw new GraphQLError("Seed: expected an integer or decimal text", { nodes: node });
  },
});

function readSeed(value: unknown): string {
  const text = typeof value === "number" && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text === "string" && /^\d{1,20}$/.test(text) && BigInt(text) <= LARGEST) return BigInt(text).toString();
  throw new GraphQLError(`Seed: expected decimal text from 0 to 18446744073709551615, or an integer up to 2^53, got ${JSON.stringify(value)}`);
}
