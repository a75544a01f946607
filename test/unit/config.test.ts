import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { loadConfig, redacted } from "../../services/common/config.ts";

describe("configuration", () => {
  it("needs nothing: the defaults stand, and an empty variable counts as not set", () => {
    const { dataDir, cacheDir, ...rest } = loadConfig({ HOME: "/home/u", LORENZ_PORT: "", DATABASE_URL: "", LORENZ_ADAPTER: "" });
    assert.match(dataDir, /^\/.*\/data$/);
    assert.equal(cacheDir, "/home/u/.cache/lorenz");
    assert.deepEqual(rest, { host: "127.0.0.1", port: 4000, allowRemote: false, logLevel: "info", precision: "f32", subgroupMatrix: false, tuning: "auto", maxUploadBytes: 4 * 2 ** 30, importRoots: [], maxDepth: 12, maxAliases: 30, maxTokens: 2000 });
  });

  it("reads every variable", () => {
    const config = loadConfig({
      LORENZ_DATA: "/var/lib/lorenz", LORENZ_HOST: "0.0.0.0", LORENZ_PORT: "0", PORT: "8080", LORENZ_ALLOW_REMOTE: "1", DATABASE_URL: "postgresql:///lorenz?host=/run/postgresql",
      LORENZ_LOG_LEVEL: "debug", LORENZ_ADAPTER: "lavapipe", LORENZ_PRECISION: "f16", LORENZ_SUBGROUP_MATRIX: "1", LORENZ_TUNING: "on", XDG_CACHE_HOME: "/c", LORENZ_MAX_UPLOAD_BYTES: "5", LORENZ_IMPORT_ROOTS: "/a:/b c", LORENZ_MAX_DEPTH: "3", LORENZ_MAX_ALIASES: "0", LORENZ_MAX_TOKENS: "99",
    });
    assert.deepEqual(config, {
      dataDir: "/var/lib/lorenz", host: "0.0.0.0", port: 0, allowRemote: true, databaseUrl: "postgresql:///lorenz?host=/run/postgresql",
      logLevel: "debug", adapter: "lavapipe", precision: "f16", subgroupMatrix: true, tuning: "on", cacheDir: "/c/lorenz", maxUploadBytes: 5, importRoots: ["/a", "/b c"], maxDepth: 3, maxAliases: 0, maxTokens: 99,
    });
  });

  it("takes PORT where LORENZ_PORT is not set, ignores a relative XDG_CACHE_HOME, and is silent under the test runner", () => {
    assert.equal(loadConfig({ PORT: "8080" }).port, 8080);
    assert.equal(loadConfig({ XDG_CACHE_HOME: "relative", HOME: "/h" }).cacheDir, "/h/.cache/lorenz");
    assert.equal(loadConfig({ NODE_TEST_CONTEXT: "child" }).logLevel, "silent");
    assert.equal(loadConfig({ NODE_TEST_CONTEXT: "child", LORENZ_LOG_LEVEL: "warn" }).logLevel, "warn");
  });

  const wrong: Record<string, string[]> = {
    LORENZ_PORT: ["-1", "65536", "4e3", "80.5", "http"], PORT: ["x"], LORENZ_ALLOW_REMOTE: ["yes"], LORENZ_HOST: ["a b", "http://x"], DATABASE_URL: ["mysql://x", "localhost"],
    LORENZ_LOG_LEVEL: ["loud"], LORENZ_ADAPTER: ["GPU", "cuda"], LORENZ_PRECISION: ["half", "bf16"], LORENZ_SUBGROUP_MATRIX: ["on"], LORENZ_TUNING: ["1", "yes"], LORENZ_MAX_UPLOAD_BYTES: ["0", "4G"], LORENZ_IMPORT_ROOTS: ["data", "/a:", "/a:b"], LORENZ_MAX_DEPTH: ["0"], LORENZ_MAX_ALIASES: ["1001"], LORENZ_MAX_TOKENS: ["9"],
  };
  for (const [variable, values] of Object.entries(wrong)) {
    it(`refuses a wrong ${variable} by name`, () => {
      for (const value of values) assert.throws(() => loadConfig({ [variable]: value }), { code: "CONFIG_INVALID", message: new RegExp(`^${variable}: expected .+, got "`) });
    });
  }

  it("names all that is wrong at once, with what was expected and what came", () => {
    assert.throws(() => loadConfig({ LORENZ_PORT: "http", LORENZ_ADAPTER: "cuda" }), {
      code: "CONFIG_INVALID", message: 'LORENZ_PORT: expected a port, 0 to 65535, got "http"; LORENZ_ADAPTER: expected one of gpu, lavapipe, swiftshader, got "cuda"',
    });
  });

  it("never shows the database's password", () => {
    const urls = ["postgres://u:s3cret@h/db", "postgres://u:s3/c@re@h:1/db?x=1", "postgres://h/db?password=s3cret&x=1", "postgresql://u:s3cret@/db?host=/tmp"];
    for (const databaseUrl of urls) {
      const shown = redacted(loadConfig({ DATABASE_URL: databaseUrl })).databaseUrl!;
      assert.doesNotMatch(shown, /s3|c@re/);
      assert.match(shown, /\*\*\*/);
    }
    assert.equal(redacted(loadConfig({ DATABASE_URL: "postgres://h/db" })).databaseUrl, "postgres://h/db");
    for (const value of ["hunter2", "mysql://u:hunter2@h/db"]) {
      assert.throws(() => loadConfig({ DATABASE_URL: value }), (error: Error) => !/hunter2/.test(`${error.message}${JSON.stringify(error)}`) && /DATABASE_URL/.test(error.message));
    }
  });
});
