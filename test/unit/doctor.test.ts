import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";

import { type Facts, report, whyNotWritable } from "../../services/cli/doctor.ts";
import { loadConfig } from "../../services/common/config.ts";
import { EngineError } from "../../services/engine/errors.ts";

const facts: Facts = {
  version: "1.2.3", node: "v20.19.0", platform: "linux x64", config: loadConfig({ LORENZ_DATA: "/d" }), dataDirProblem: undefined, advice: "sudo install lavapipe",
  adapter: {
    info: { description: "SwiftShader driver 5.0.0", vendor: "google", architecture: "swiftshader", kind: "swiftshader", software: true, family: "subgroup4" },
    subgroups: [4, 4], limits: { maxBufferSize: 1024 }, openMs: 83.2, gflops: 7.4321, tuning: { on: false, path: "/c/tuning/0.json", shapes: 12 },
  },
};

describe("doctor", () => {
  it("says what it found and what would be faster", () => {
    const { ok, lines } = report(facts);
    assert.equal(ok, true);
    assert.deepEqual(lines, [
      "Lorenz    1.2.3, Node v20.19.0, linux x64",
      "Adapter   swiftshader: SwiftShader driver 5.0.0 (software), opened in 83 ms",
      "Kernels   subgroup4; subgroups of 4",
      "Limits    maxBufferSize 1024",
      "Speed     7.43 GFLOP/s (f32 matrix product)",
      "Tuning    off: the default kernels (LORENZ_TUNING is auto); 12 shapes tuned in /c/tuning/0.json",
      "Database  embedded, in the data directory (DATABASE_URL is not set)",
      "Data      /d (can be written)",
      "Faster    sudo install lavapipe",
    ]);
  });

  it("is not ok without an adapter, and says why and what to install", () => {
    const { ok, lines } = report({ ...facts, adapter: new EngineError("NO_ADAPTER", "adapter: expected a GPU, got none") });
    assert.equal(ok, false);
    assert.equal(lines[1], "Adapter   NONE. adapter: expected a GPU, got none");
    assert.equal(lines[4], "Install   sudo install lavapipe");
    assert.match(lines.at(-1)!, /cannot run here/);
  });

  it("is not ok when the data directory cannot be used", () => {
    const { ok, lines } = report({ ...facts, dataDirProblem: "EACCES" });
    assert.equal(ok, false);
    assert.match(lines.join("\n"), /Data {6}\/d CANNOT BE USED: EACCES; set LORENZ_DATA/);
  });

  it("names the PostgreSQL without its password", () => {
    const { lines } = report({ ...facts, config: loadConfig({ DATABASE_URL: "postgres://u:s3cret@h/db" }) });
    assert.match(lines.join("\n"), /Database {2}PostgreSQL: postgres:\/\/u:\*\*\*@h\/db/);
    assert.doesNotMatch(lines.join("\n"), /s3cret/);
  });

  it("judges a data directory that does not exist by the nearest folder above it", () => {
    const folder = mkdtempSync(join(tmpdir(), "lorenz-test-"));
    try {
      writeFileSync(join(folder, "file"), "");
      assert.equal(whyNotWritable(folder), undefined);
      assert.equal(whyNotWritable(join(folder, "a", "b")), undefined);
      assert.match(whyNotWritable(join(folder, "file", "b"))!, /file is not a folder/);
    } finally { rmSync(folder, { recursive: true }); }
  });
});
