import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { it } from "node:test";
import ts from "typescript";

import { findRoot } from "../../services/common/paths.ts";

const root = findRoot();

/** Who may import whom, by folder (or a single file); the longest prefix counts. A missing pair is a decision, not an oversight. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  "services/common": [],
  "services/engine": ["services/common"],
  "services/lab": ["services/engine", "services/common", "schema/jobs"],
  "services/store": ["services/common", "schema"],
  "services/agent": ["services/store", "services/common", "schema"],
  "services/runner": ["services/lab", "services/engine", "services/common", "schema/jobs", "schema/errors.ts"],
  "services/gateway": ["services/agent", "services/store", "services/common", "schema"],
  "services/cli": ["services", "schema"],
  "schema/jobs": [],
  "schema/tables": ["schema/jobs"],
  "schema/graphql": ["schema/jobs"],
  schema: [],
};

/** Packages and globals that live behind a few doors. */
const FENCED: readonly (readonly [what: string, use: RegExp, doors: RegExp])[] = [
  ["Dawn", /(from|import\() ?["']webgpu["']/, /^services\/engine\/gpu\/adapter\.ts$/],
  ["SQL", /["'](drizzle-orm|pg|pg-boss|@electric-sql)(\/[^"']*)?["']/, /^(services\/store|schema\/tables)\//],
  ["GraphQL", /["'](graphql|type-graphql|graphql-ws|graphql-scalars|@apollo|@as-integrations|@escape\.tech|dataloader|express|ws)(\/[^"']*)?["']/, /^(services\/gateway|schema\/graphql)\/|^services\/cli\/demo\/client\.ts$/],
  ["the agent inside the gateway", /["']\.\.\/(\.\.\/)?agent\//, /^services\/(gateway\/server|agent\/.*|cli\/.*)\.ts$/],
  // Vulkan's loader reads the environment, so the adapter has to write it.
  ["untrusted pictures", /["']sharp["']/, /^services\/lab\/data\/pictures\/decode\.ts$/],
  ["untrusted archives", /["']yauzl["']/, /^services\/lab\/formats\/zip\.ts$/],
  ["protocol buffers", /["']@bufbuild\/protobuf(\/[^"']*)?["']/, /^services\/lab\/models\/onnx\//],
  ["the environment", /\bprocess\.env\b/, /^services\/(common\/config|engine\/gpu\/adapter)\.ts$/],
  ["the clock", /\bDate\.now\(|\bnew Date\(\)/, /^services\/common\/clock\.ts$/],
  ["randomness", /\bMath\.random\(/, /^services\/common\/rng\.ts$/],
  ["the console", /\bconsole\.\w+\(/, /^services\/(common\/log\.ts|cli\/)/],
];

const files = ["services", "schema"].flatMap((top) => readdirSync(join(root, top), { recursive: true, encoding: "utf8" }).filter((f) => f.endsWith(".ts")).map((f) => join(top, f)));
const textOf = (file: string): string => readFileSync(join(root, file), "utf8");
const codeOf = (file: string): string => textOf(file).replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");

function home(path: string): string | undefined {
  return Object.keys(ALLOWED).filter((folder) => path.startsWith(`${folder}/`)).sort((a, b) => b.length - a.length)[0];
}

function mayImport(from: string, to: string): boolean {
  if (home(from) === home(to)) return true;
  return ALLOWED[home(from) ?? ""]?.some((allowed) => to === allowed || to.startsWith(`${allowed}/`)) ?? false;
}

it("sees the code", () => {
  assert.ok(files.length > 50);
  assert.deepEqual(files.filter((file) => home(file) === undefined), [], "a folder without a row in the table");
});

it("imports only point down the table of layers", () => {
  const bad = files.flatMap((file) => ts.preProcessFile(textOf(file)).importedFiles
    .filter((i) => i.fileName.startsWith("."))
    .map((i) => relative(root, resolve(root, dirname(file), i.fileName)))
    .filter((to) => !mayImport(file, to))
    .map((to) => `${file} → ${to}`));
  assert.deepEqual(bad, []);
});

for (const [what, use, doors] of FENCED) {
  it(`only a few doors lead to ${what}`, () => {
    assert.deepEqual(files.filter((file) => use.test(codeOf(file)) && !doors.test(file)), []);
  });
}

it("nothing is exported as default, and no file only passes on what others export", () => {
  assert.deepEqual(files.filter((file) => /^export default\b/m.test(codeOf(file))), []);
  const barrels = files.filter((file) => codeOf(file).split("\n").filter((line) => line.trim() !== "").every((line) => /^export (type )?(\*|\{).* from /.test(line)));
  assert.deepEqual(barrels, ["schema/tables/tables.ts"], "one list of tables, which Drizzle wants");
});
