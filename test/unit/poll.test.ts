import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { throttledImmediate } from "../../services/engine/gpu/poll.ts";

/** What V8 says of a function made by native code; a bound function looks the same. */
const native = (() => undefined).bind(null);

function harness(): { call: (callback: (...values: unknown[]) => void, ...values: unknown[]) => void; log: string[]; statistics: { polls: number; naps: number }; time: { ms: number } } {
  const log: string[] = [];
  const time = { ms: 1000 };
  const statistics = { polls: 0, naps: 0 };
  const call = throttledImmediate((_, ...values) => log.push(`immediate${values.length}`), statistics, () => time.ms, (_, ms) => log.push(`nap${ms}`));
  return { call, log, statistics, time };
}

describe("poll throttle", () => {
  it("serves the first 32 native polls of a wait at once and naps 1 ms before each later one", () => {
    const { call, log, statistics, time } = harness();
    for (let i = 0; i < 40; i++) { call(native); time.ms += 0.01; }
    assert.deepEqual(log, [...Array<string>(32).fill("immediate0"), ...Array<string>(8).fill("nap1")]);
    assert.deepEqual(statistics, { polls: 40, naps: 8 });
  });

  it("starts a new wait after a pause of 5 ms, and not before", () => {
    const { call, log, time } = harness();
    for (let i = 0; i < 32; i++) call(native);
    time.ms += 4.9;
    call(native);
    time.ms += 5;
    call(native);
    assert.deepEqual(log.slice(32), ["nap1", "immediate0"]);
  });

  it("leaves JavaScript's own callbacks alone, with or without values, and does not count them", () => {
    const { call, log, statistics } = harness();
    for (let i = 0; i < 50; i++) call(() => undefined);
    call(native, 1, 2);
    assert.deepEqual(log, [...Array<string>(50).fill("immediate0"), "immediate2"]);
    assert.deepEqual(statistics, { polls: 0, naps: 0 });
  });
});
