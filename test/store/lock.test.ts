import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { lockDirectory } from "../../services/common/lock.ts";
import { openDatabase } from "../../services/store/db.ts";

const root = mkdtempSync(join(tmpdir(), "lorenz-lock-"));
after(() => rmSync(root, { recursive: true }));
const holdLock = fileURLToPath(new URL("../support/hold-lock.ts", import.meta.url));
const fresh = () => mkdtempSync(join(root, "d-"));

async function holder(directory: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["--import", "tsx", holdLock, directory], { stdio: ["ignore", "pipe", "inherit"] });
  await Promise.race([once(child.stdout!, "data"), once(child, "exit").then(() => { throw new Error("the holder died"); })]);
  return child;
}

describe("the lock of the data directory", () => {
  it("refuses another process by pid and directory, and is reaped after kill -9", async () => {
    const directory = fresh();
    const child = await holder(directory);
    assert.throws(() => lockDirectory(directory), (error: Error & { code: string; details: object }) => {
      assert.equal(error.code, "DATA_DIR_LOCKED");
      assert.deepEqual(error.details, { directory, pid: child.pid });
      return error.message.includes(String(child.pid)) && error.message.includes(directory);
    });
    await assert.rejects(openDatabase({ dataDir: directory }), { code: "DATA_DIR_LOCKED" });
    assert.ok(!existsSync(join(directory, "pg")), "the refused process touched the database");
    child.kill("SIGKILL");
    await once(child, "exit");
    lockDirectory(directory).release();
    assert.deepEqual(readdirSync(directory), [], "left something behind");
  });

  it("refuses the same process a second time, and gives the directory back once", () => {
    const directory = fresh();
    const lock = lockDirectory(directory);
    assert.throws(() => lockDirectory(directory), { code: "DATA_DIR_LOCKED" });
    lock.release();
    const second = lockDirectory(directory);
    lock.release(); // of the first one: must not free the second
    assert.ok(existsSync(join(directory, "lock")));
    second.release();
  });

  it("reaps the lock of a dead process whose number another one has now", { skip: existsSync("/proc/self/stat") ? false : "needs /proc" }, () => {
    const directory = fresh();
    writeFileSync(join(directory, "lock"), JSON.stringify({ pid: process.pid, birth: "another boot:1" }));
    lockDirectory(directory).release();
  });

  it("lets exactly one of many processes reap a dead lock", async () => {
    const directory = fresh();
    const dead = spawn(process.execPath, ["-e", ""]);
    await once(dead, "exit");
    writeFileSync(join(directory, "lock"), JSON.stringify({ pid: dead.pid, birth: null }));
    const children = Array.from({ length: 3 }, () => spawn(process.execPath, ["--import", "tsx", holdLock, directory], { stdio: ["ignore", "pipe", "ignore"] }));
    const outcomes = await Promise.all(children.map((child) => Promise.race([once(child.stdout!, "data").then(() => "locked"), once(child, "exit").then(() => "refused")])));
    assert.deepEqual(outcomes.toSorted(), ["locked", "refused", "refused"]);
    const winner = children[outcomes.indexOf("locked")]!;
    assert.equal((JSON.parse(readFileSync(join(directory, "lock"), "utf8")) as { pid: number }).pid, winner.pid);
    winner.kill("SIGKILL");
    await once(winner, "exit");
  });

  it("does not reap what it cannot read", () => {
    const directory = fresh();
    writeFileSync(join(directory, "lock"), "4711");
    assert.throws(() => lockDirectory(directory), { code: "DATA_DIR_LOCKED" });
    assert.equal(readFileSync(join(directory, "lock"), "utf8"), "4711");
  });
});
