import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";

import { AppError } from "../../../services/common/errors.ts";
import { codeVersion } from "../../../services/runner/environment.ts";
import { failureOf } from "../../../services/runner/failure.ts";
import { throttled } from "../../../services/runner/progress.ts";

describe("progress", () => {
  it("passes at most ten reports a second, the first at once", () => {
    let time = 5000;
    const sent: number[] = [];
    const report = throttled({ now: () => 0, nowIso: () => "", monotonic: () => time }, ({ done }) => sent.push(done));
    for (let i = 0; i < 500; i++, time += 10) report({ phase: "", done: i, total: 500, etaSeconds: null, imagesPerSecond: null });
    assert.equal(sent.length, 50); // five seconds
    assert.deepEqual(sent.slice(0, 3), [0, 10, 20]);
  });

  it("always passes the first and the last report of a phase", () => {
    const sent: string[] = [];
    const report = throttled({ now: () => 0, nowIso: () => "", monotonic: () => 0 }, ({ phase, done }) => sent.push(`${phase}${done}`));
    for (const phase of ["a", "b"]) for (const done of [0, 1, 2]) report({ phase, done, total: 2, etaSeconds: null, imagesPerSecond: null });
    assert.deepEqual(sent, ["a0", "a2", "b0", "b2"]);
  });
});

describe("failureOf", () => {
  it("keeps code, message and details of an error raised on purpose", () =>
    assert.deepEqual(failureOf(new AppError("DIVERGED", "why", { step: 3 })), { code: "DIVERGED", message: "why", details: { step: 3 }, endsDevice: false }));
  it("calls everything else INTERNAL and keeps its stack", () => {
    const { code, message, details } = failureOf(new TypeError("x is not a function"));
    assert.deepEqual([code, message], ["INTERNAL", "x is not a function"]);
    assert.match(details.stack as string, /TypeError/);
    assert.deepEqual([failureOf("text").code, failureOf("text").message], ["INTERNAL", "text"]);
  });
  it("knows what a device does not survive", () => {
    for (const code of ["DEVICE_LOST", "GPU_FAULT", "OUT_OF_MEMORY"]) assert.equal(failureOf(new AppError(code, "")).endsDevice, true);
  });
  it("makes details fit for IPC", () => {
    const circular: Record<string, unknown> = { big: 1n };
    assert.deepEqual(failureOf(new AppError("X", "", circular)).details, { big: "1" });
    circular.self = circular;
    assert.doesNotThrow(() => JSON.stringify(failureOf(new AppError("X", "", circular)).details));
  });
});

describe("codeVersion", () => {
  it("is the package's version, with the commit in a working copy", () => {
    const root = mkdtempSync(join(tmpdir(), "lorenz-code-"));
    const commit = "0123456789abcdef0123456789abcdef01234567";
    try {
      writeFileSync(join(root, "package.json"), '{ "version": "1.2.3" }');
      assert.equal(codeVersion(root), "1.2.3");
      mkdirSync(join(root, ".git", "refs", "heads"), { recursive: true });
      writeFileSync(join(root, ".git", "HEAD"), `${commit}\n`); // detached
      assert.equal(codeVersion(root), "1.2.3+0123456789ab");
      writeFileSync(join(root, ".git", "HEAD"), "ref: refs/heads/main\n");
      assert.equal(codeVersion(root), "1.2.3"); // no commit yet
      writeFileSync(join(root, ".git", "packed-refs"), `# pack-refs\n${commit.replace("0123", "abcd")} refs/heads/main\n`);
      assert.equal(codeVersion(root), "1.2.3+abcd456789ab");
      writeFileSync(join(root, ".git", "refs", "heads", "main"), `${commit}\n`);
      assert.equal(codeVersion(root), "1.2.3+0123456789ab");
    } finally { rmSync(root, { recursive: true }); }
  });
});
