import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { throttledImmediate } from "../../services/engine/gpu/poll.ts";

/** A native poll that finds work pending for `polls` more rounds, and each time arms itself again as dawn.node does. */
function harness(): { wait: (polls: number, pollMs?: number) => string[]; call: (callback: () => void, ...values: unknown[]) => void; log: string[]; statistics: { polls: number; naps: number } } {
  const log: string[] = [];
  const queue: (() => void)[] = [];
  let ms = 1000;
  const statistics = { polls: 0, naps: 0 };
  const put = (name: string) => (callback: (...values: unknown[]) => void) => { log.push(name); queue.push(callback); };
  const call = throttledImmediate((callback, ...values) => put(`immediate${values.length}`)(callback), statistics, () => ms, (callback, nap) => { put(`nap${nap}`)(() => { ms += nap; callback(); }); });
  const wait = (polls: number, pollMs = 0.01): string[] => {
    const first = log.length;
    let left = polls;
    const poll = (() => { ms += pollMs; if (--left > 0) call(poll); }).bind(null); // what V8 says of a bound function is what it says of a native one
    call(poll);
    while (queue.length > 0) queue.shift()!();
    return log.slice(first);
  };
  return { wait, call, log, statistics };
}

describe("poll throttle", () => {
  it("serves the first 32 native polls of a wait at once and naps before each later one", () => {
    const { wait, statistics } = harness();
    assert.deepEqual(wait(40), [...Array<string>(32).fill("immediate0"), ...Array<string>(8).fill("nap1")]);
    assert.deepEqual(statistics, { polls: 40, naps: 8 });
  });

  it("naps longer the longer the wait, from 1 to 4 ms, and so polls a long one no more than 250 times a second", () => {
    const { wait } = harness();
    const naps = wait(400).slice(32).map((entry) => Number(entry.replace("nap", "")));
    assert.deepEqual([naps[0], naps.at(-1), Math.max(...naps)], [1, 4, 4]);
    naps.forEach((nap, i) => {
      const waited = naps.slice(0, i).reduce((sum, ms) => sum + ms, 0);
      assert.ok(nap <= Math.max(1, waited / 16 + 1), `a nap of ${nap} ms after ${waited} ms`);
    });
  });

  it("begins anew with every wait", () => {
    const { wait } = harness();
    wait(400);
    assert.deepEqual(wait(33), [...Array<string>(32).fill("immediate0"), "nap1"]);
  });

  it("begins anew after a poll that threw", () => {
    const queue: (() => void)[] = [];
    const statistics = { polls: 0, naps: 0 };
    const call = throttledImmediate((callback) => queue.push(callback), statistics, () => 0, () => undefined);
    for (let i = 0; i < 40; i++) {
      call((() => { throw new Error("lost"); }).bind(null));
      assert.throws(() => queue.shift()!(), /lost/);
    }
    assert.deepEqual(statistics, { polls: 40, naps: 0 });
  });

  it("leaves JavaScript's own callbacks alone, with or without values, and does not count them", () => {
    const { call, log, statistics } = harness();
    for (let i = 0; i < 50; i++) call(() => undefined);
    call((() => undefined).bind(null), 1, 2);
    assert.deepEqual(log, [...Array<string>(50).fill("immediate0"), "immediate2"]);
    assert.deepEqual(statistics, { polls: 0, naps: 0 });
  });
});
