import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";

import { ERRORS } from "../../schema/errors.ts";
import { findRoot } from "../../services/common/paths.ts";

const folder = join(findRoot(), "services");
const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((f) => f.endsWith(".ts"));
const code = new Map(files.map((file) => [file, readFileSync(join(folder, file), "utf8")]));

/** Codes given to an AppError or one of its kin, as `new XError("CODE"`, `super("CODE"` or one branch of a condition in that place. */
function raisedIn(text: string): string[] {
  return [...text.matchAll(/(?:\bnew \w*Error|\bsuper)\(\s*([^,;]*?),/g)].flatMap(([, first]) => [...first!.matchAll(/"([A-Z][A-Z_]{2,})"/g)].map((match) => match[1]!));
}

it("finds codes in the code", () => {
  assert.deepEqual(raisedIn('throw new AppError("A_CODE", "m"); super(\n  lost ? "LOST" : "FAULT",\n m); new Error("TEXT ONLY")'), ["A_CODE", "LOST", "FAULT"]);
});

it("every code that is raised is in the catalogue", () => {
  const unknown = [...code].flatMap(([file, text]) => raisedIn(text).filter((each) => !Object.hasOwn(ERRORS, each)).map((each) => `${each} in ${file}`));
  assert.deepEqual(unknown, []);
});

it("every code of the catalogue is raised or sent somewhere", () => {
  // The list of the engine's codes is a type: it raises nothing.
  const all = [...code].filter(([file]) => file !== "engine/errors.ts").map(([, text]) => text).join("\n");
  assert.deepEqual(Object.keys(ERRORS).filter((each) => !all.includes(`"${each}"`)), []);
});

it("an entry says whose mistake it is and what it means, in a sentence", () => {
  for (const [each, { means }] of Object.entries(ERRORS)) assert.match(means, /^[A-Z].{10,}[.]$/, each);
});
