import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { inTurn } from "../../../services/lab/in-turn.ts";

/** Launches whose results come when they are told to. */
function harness(): { log: string[]; submit: (launch: number) => void; read: (launch: number) => Promise<string>; receive: (results: string, launch: number) => void; settle: Map<number, { resolve: (value: string) => void; reject: (error: Error) => void }> } {
  const log: string[] = [];
  const settle = new Map<number, { resolve: (value: string) => void; reject: (error: Error) => void }>();
  return {
    log, settle,
    submit: (launch) => { log.push(`submit ${launch}`); },
    read: (launch) => { log.push(`read ${launch}`); return new Promise((resolve, reject) => settle.set(launch, { resolve, reject })); },
    receive: (results, launch) => { log.push(`receive ${launch}: ${results}`); },
  };
}
const turns = async (): Promise<void> => { for (let i = 0; i < 20; i++) await Promise.resolve(); };

describe("launches in turn", () => {
  it("submit the next before waiting for the last, read each before the next but one is submitted, and lose none", async () => {
    const { log, submit, read, receive, settle } = harness();
    const done = inTurn([1, 2, 3], submit, read, receive);
    await turns();
    assert.deepEqual(log, ["submit 1", "read 1", "submit 2"]);
    settle.get(1)!.resolve("a");
    await turns();
    assert.deepEqual(log.slice(3), ["receive 1: a", "read 2", "submit 3"]);
    settle.get(2)!.resolve("b");
    await turns();
    settle.get(3)!.resolve("c");
    await done;
    assert.deepEqual(log.slice(6), ["receive 2: b", "read 3", "receive 3: c"]);
  });

  it("of none or one need nothing special", async () => {
    const { log, submit, receive } = harness();
    await inTurn([], submit, () => Promise.resolve("x"), receive);
    assert.deepEqual(log, []);
    await inTurn([7], submit, () => Promise.resolve("x"), receive);
    assert.deepEqual(log, ["submit 7", "receive 7: x"]);
  });

  it("wait for the read in flight when one cannot be submitted, and give its reason", async () => {
    const { log, read, receive, settle } = harness();
    let ended = false;
    const done = inTurn([1, 2], (launch) => { if (launch === 2) throw new Error("cancelled"); }, read, receive).finally(() => { ended = true; });
    done.catch(() => undefined);
    await turns();
    assert.equal(ended, false, "what the read is waiting for may be freed only after it");
    settle.get(1)!.reject(new Error("lost"));
    await assert.rejects(done, /cancelled/);
    assert.deepEqual(log, ["read 1"]);
  });

  it("end with the error of a read, or of its results", async () => {
    const { submit, receive } = harness();
    await assert.rejects(inTurn([1, 2], submit, () => Promise.reject(new Error("lost")), receive), /lost/);
    await assert.rejects(inTurn([1], submit, () => Promise.resolve("x"), () => { throw new Error("broken promise"); }), /broken promise/);
  });
});
