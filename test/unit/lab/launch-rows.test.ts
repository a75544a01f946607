import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { evenly, type LaunchCost, mostRows } from "../../../services/lab/launch-rows.ts";

const software = { software: true, tensorLimit: 2 ** 30 };
const gpu = { ...software, software: false };
const cheap: LaunchCost = { macsPerRow: 1.2e6, bytesPerRow: 60_000, fixedBytes: 1e6, largestPerRow: 6_000 };
const costly: LaunchCost = { macsPerRow: 1.1e9, bytesPerRow: 5e6, fixedBytes: 90e6, largestPerRow: 1e6 };

describe("rows of a launch", () => {
  it("are as many as make it long enough: more of a cheap network than of a costly one, more on a GPU", () => {
    assert.equal(mostRows(cheap, software), 250); // 0.3e9 / 1.2e6
    assert.equal(mostRows({ ...costly, bytesPerRow: 1e6 }, software), 64);
    assert.equal(mostRows(cheap, gpu), 4096);
    assert.equal(mostRows({ ...costly, bytesPerRow: 1e6 }, gpu), 256);
  });

  it("fit into the memory budget of 512 MiB, beside the weights", () => {
    assert.equal(mostRows(costly, gpu), Math.floor((512 * 2 ** 20 - 90e6) / 5e6));
    for (const cost of [cheap, costly]) for (const limits of [software, gpu]) assert.ok(cost.fixedBytes + mostRows(cost, limits) * cost.bytesPerRow <= 512 * 2 ** 20);
  });

  it("have no tensor that exceeds the adapter's buffers, which may be smaller than all memory", () => {
    assert.equal(mostRows(costly, { ...gpu, tensorLimit: 32e6 }), 32);
    assert.equal(mostRows({ ...costly, largestPerRow: 0 }, { ...gpu, tensorLimit: 32e6 }), mostRows(costly, gpu));
  });

  it("are at least one, and a number for a network that multiplies nothing", () => {
    assert.equal(mostRows({ ...costly, bytesPerRow: 1e9 }, gpu), 1);
    assert.equal(mostRows({ ...costly, fixedBytes: 1e9 }, gpu), 1);
    assert.equal(mostRows({ ...cheap, macsPerRow: 0 }, software), 512);
  });
});

describe("evenly", () => {
  it("cuts into the fewest parts that are small enough, as equal as can be", () => {
    for (let total = 1; total <= 90; total++) for (let most = 1; most <= 40; most++) {
      const part = evenly(total, most);
      assert.ok(part >= 1 && part <= most, `${total}, ${most}`);
      assert.equal(Math.ceil(total / part), Math.ceil(total / most), `${total} in parts of ${part}`);
      assert.ok(part === 1 || Math.ceil(total / (part - 1)) > Math.ceil(total / most), `${total} in parts of ${part}: one less would do`);
    }
    assert.deepEqual([evenly(400, 250), evenly(52, 250), evenly(0, 8), evenly(7, Infinity)], [200, 52, 1, 7]);
  });
});
