import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";

import { systemClock } from "../../services/common/clock.ts";
import { isId, newId } from "../../services/common/ids.ts";
import { createLogger } from "../../services/common/log.ts";
import { findRoot, migrationsFolder, shadersFolder } from "../../services/common/paths.ts";

describe("paths", () => {
  it("finds the nearest folder with package.json and shaders/, from sources and from dist/ alike", () => {
    const root = mkdtempSync(join(tmpdir(), "lorenz-test-"));
    try {
      for (const folder of ["shaders", "services/common", "dist/services/common", "dist/shaders"]) mkdirSync(join(root, folder), { recursive: true });
      writeFileSync(join(root, "package.json"), "{}");
      assert.equal(findRoot(join(root, "services/common")), root);
      assert.equal(findRoot(join(root, "dist/services/common")), root);
      rmSync(join(root, "package.json"));
      assert.throws(() => findRoot(join(root, "services")), { code: "INVARIANT", message: /package\.json and shaders\// });
    } finally { rmSync(root, { recursive: true }); }
  });

  it("keeps migrations and shaders under the root", () => {
    assert.equal(shadersFolder(), join(findRoot(), "shaders"));
    assert.equal(migrationsFolder(), join(findRoot(), "migrations"));
  });
});

describe("log", () => {
  const record = (level: string, write: (log: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] => {
    const lines: string[] = [];
    write(createLogger(level, { write: (line) => { lines.push(line); } }));
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  };

  it("writes one JSON object a line with a level's name and an ISO time, from its level up", () => {
    const [line, ...rest] = record("info", (log) => { log.debug("no"); log.child({ part: "gpu" }).warn({ a: 1 }, "yes"); });
    assert.equal(rest.length, 0);
    const { time, pid, ...others } = line!;
    assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.equal(pid, process.pid);
    assert.deepEqual(others, { level: "warn", part: "gpu", a: 1, msg: "yes" });
  });

  it("is mute at silent", () => assert.deepEqual(record("silent", (log) => log.fatal("x")), []));

  it("hides secrets", () => {
    const lines = record("info", (log) => log.info({ config: { databaseUrl: "postgres://u:s3cret@h" }, req: { headers: { authorization: "s3cret", cookie: "s3cret" } } }));
    assert.equal(lines.length, 1);
    assert.doesNotMatch(JSON.stringify(lines), /s3cret/);
  });
});

describe("ids and clock", () => {
  it("makes ids that it recognises, all different", () => {
    const ids = Array.from({ length: 100 }, newId);
    assert.equal(new Set(ids).size, 100);
    assert.ok(ids.every(isId));
    for (const wrong of ["", "1", ids[0]!.toUpperCase(), `${ids[0]} `, ids[0]!.replaceAll("-", "")]) assert.equal(isId(wrong), false, wrong);
  });

  it("stamps the wall clock as ISO 8601 in UTC and never runs backwards", () => {
    assert.match(systemClock.nowIso(), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(Math.abs(Date.parse(systemClock.nowIso()) - systemClock.now()) < 60_000); // the same clock and zone
    const [first, second] = [systemClock.monotonic(), systemClock.monotonic()];
    assert.ok(second >= first);
  });
});
