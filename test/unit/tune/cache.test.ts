import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { shadersFolder } from "../../../services/common/paths.ts";
import type { Verdict } from "../../../services/engine/tune/verdict.ts";
import { shadersHash, TuningCache, type TunedDevice } from "../../../services/runner/tuning-cache.ts";

const device: TunedDevice = { adapter: { description: "llvmpipe: Mesa 25.0.7", vendor: "mesa", architecture: "software", kind: "lavapipe", software: true, family: "subgroup8" }, dawn: "webgpu 1", shaders: "00" };
const verdict = (faster: string, ...names: string[]): Verdict => ({ faster, ms: Object.fromEntries([faster, ...names].map((name, i) => [name, i + 0.5])), refused: { bad: "3 of 9 values differ" } });

describe("the tuning cache", () => {
  let folder: string;
  beforeEach(() => { folder = join(mkdtempSync(join(tmpdir(), "lorenz-tuning-")), "tuning"); });
  afterEach(() => rmSync(join(folder, ".."), { recursive: true }));
  const cache = (change: Partial<TunedDevice> = {}): TuningCache => new TuningCache(folder, { ...device, ...change });

  it("gives back what was added, to a later process too, and makes its folder", () => {
    assert.deepEqual(cache().load(), new Map());
    cache().add(new Map([["forward", verdict("a", "b")]]));
    cache().add(new Map([["grad-input", verdict("b", "a")]]));
    assert.deepEqual(cache().load(), new Map([["forward", verdict("a", "b")], ["grad-input", verdict("b", "a")]]));
    assert.deepEqual(readdirSync(folder).map((file) => file.replace(/^[0-9a-f]{16}/, "#")), ["#.json"], "something was left behind");
  });

  it("is another file for another adapter, driver, Dawn or shader", () => {
    const paths = [{}, { adapter: { ...device.adapter, description: "llvmpipe: Mesa 25.0.8" } }, { adapter: { ...device.adapter, family: "workgroup" } }, { dawn: "webgpu 2" }, { shaders: "01" }].map((change) => cache(change).path);
    assert.equal(new Set(paths).size, paths.length);
    assert.equal(cache().path, cache().path);
  });

  it("keeps the verdict that was there first, so that all processes agree, unless the candidates are others", () => {
    cache().add(new Map([["forward", verdict("a", "b")]]));
    assert.equal(cache().add(new Map([["forward", verdict("b", "a")]])).get("forward")!.faster, "a");
    assert.equal(cache().add(new Map([["forward", verdict("c", "a", "b")]])).get("forward")!.faster, "c");
    assert.equal(cache().load().get("forward")!.faster, "c");
  });

  const whole = (): string => JSON.stringify({ device, verdicts: { forward: verdict("a", "b") } });
  const damaged: Readonly<Record<string, () => string>> = {
    "half a file": () => whole().slice(0, 100),
    "no object": () => "[]",
    "a verdict for what was never timed": () => whole().replace('"faster":"a"', '"faster":"z"'),
    "a negative time": () => whole().replace("0.5", "-1"),
    "no verdict": () => whole().replace('"faster":"a",', ""),
    "another device": () => whole().replace("25.0.7", "25.0.6"),
    "more than it should": () => whole().replace('"faster"', '"more":1,"faster"'),
    "too much of anything": () => " ".repeat(17 * 2 ** 20),
  };
  for (const [what, text] of Object.entries(damaged)) {
    it(`ignores a file that holds ${what}, and makes it anew`, () => {
      mkdirSync(folder);
      writeFileSync(cache().path, text());
      assert.deepEqual(cache().load(), new Map());
      cache().add(new Map([["forward", verdict("b", "a")]]));
      assert.deepEqual(cache().load(), new Map([["forward", verdict("b", "a")]]));
    });
  }

  it("accepts a whole file that was not written by itself", () => {
    mkdirSync(folder);
    writeFileSync(cache().path, whole());
    assert.equal(cache().load().get("forward")!.faster, "a");
  });

  it("forgets the oldest verdicts, and the files unused for longest", () => {
    const many = new Map(Array.from({ length: 2001 }, (_, i) => [`shape ${i}`, verdict("a", "b")]));
    const kept = cache().add(many);
    assert.deepEqual([kept.size, kept.has("shape 0"), kept.has("shape 2000")], [2000, false, true]);
    for (let i = 0; i < 17; i++) {
      cache({ shaders: `${i}` }).add(new Map([["forward", verdict("a", "b")]]));
      utimesSync(cache({ shaders: `${i}` }).path, i + 1, i + 1);
    }
    cache({ shaders: "new" }).add(new Map());
    assert.equal(readdirSync(folder).length, 16);
    assert.deepEqual([0, 1, 2, 3, 16].map((i) => existsSync(cache({ shaders: `${i}` }).path)), [false, false, false, true, true]);
  });

  it("goes on when its folder cannot be one", () => {
    writeFileSync(folder, "");
    assert.equal(cache().add(new Map([["forward", verdict("a", "b")]])).size, 1);
    assert.deepEqual(cache().load(), new Map());
  });

  it("is whole whenever it is read, however many processes add to it", async () => {
    cache().add(new Map([["start", verdict("a", "b")]]));
    const writer = fileURLToPath(new URL("../../support/tuning-writer.ts", import.meta.url));
    const children = ["x", "y"].map((name) => spawn(process.execPath, ["--import", "tsx", writer, folder, JSON.stringify(device), name], { stdio: ["ignore", "ignore", "inherit"] }));
    const ended = Promise.all(children.map((child) => once(child, "exit")));
    let over = false;
    void ended.then(() => { over = true; });
    let reads = 0;
    while (!over) {
      const { verdicts } = JSON.parse(readFileSync(cache().path, "utf8")) as { verdicts: object };
      assert.ok("start" in verdicts, "a verdict was lost");
      reads++;
      await new Promise(setImmediate);
    }
    assert.deepEqual((await ended).map(([code]) => code as number), [0, 0]);
    assert.ok(reads > 10);
    assert.deepEqual(readdirSync(folder).length, 1);
  });
});

describe("the hash of the shaders", () => {
  it("changes with the text and the names of the files that convolutions are made of", () => {
    const root = mkdtempSync(join(tmpdir(), "lorenz-shaders-"));
    try {
      for (const family of ["conv", "lib", "loss"]) cpSync(join(shadersFolder(), family), join(root, family), { recursive: true });
      assert.equal(shadersHash(root), shadersHash());
      writeFileSync(join(root, "loss", "new.wgsl"), "");
      assert.equal(shadersHash(root), shadersHash());
      writeFileSync(join(root, "lib", "grid.wgsl"), "// changed");
      const changed = shadersHash(root);
      assert.notEqual(changed, shadersHash());
      writeFileSync(join(root, "conv", "new.wgsl"), "");
      assert.notEqual(shadersHash(root), changed);
    } finally { rmSync(root, { recursive: true }); }
  });
});
