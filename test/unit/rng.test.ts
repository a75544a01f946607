import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { philox4x32, Rng, seedWords, type Words2, type Words4 } from "../../services/common/rng.ts";
import { KNOWN_ANSWERS } from "../support/random123.ts";

const draws = <T>(n: number, next: () => T): T[] => Array.from({ length: n }, next);
const mean = (values: number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;

describe("philox4x32", () => {
  for (const [counter, key, answer] of KNOWN_ANSWERS) {
    it(`gives Random123's answer for counter ${counter[0].toString(16)}…`, () => assert.deepEqual(philox4x32(counter, key), [...answer]));
  }

  it("agrees with 64-bit integer arithmetic on words with every bit pattern", () => {
    const wide = (counter: Words4, key: Words2): number[] => {
      let c = counter.map(BigInt);
      let k = key.map(BigInt);
      for (let r = 0; r < 10; r++) {
        const p = [0xd2511f53n * c[0]!, 0xcd9e8d57n * c[2]!] as const;
        c = [(p[1] >> 32n) ^ c[1]! ^ k[0]!, p[1] & 0xffffffffn, (p[0] >> 32n) ^ c[3]! ^ k[1]!, p[0] & 0xffffffffn];
        k = [(k[0]! + 0x9e3779b9n) & 0xffffffffn, (k[1]! + 0xbb67ae85n) & 0xffffffffn];
      }
      return c.map(Number);
    };
    const rng = new Rng(11, 1);
    for (let i = 0; i < 200; i++) {
      const counter = draws(4, () => rng.nextU32()) as unknown as Words4;
      const key = draws(2, () => rng.nextU32()) as unknown as Words2;
      assert.deepEqual(philox4x32(counter, key), wide(counter, key));
    }
  });
});

describe("Rng", () => {
  it("repeats for the same seed and stream and differs for another of either", () => {
    const first = (seed: number | bigint, stream: number): number[] => {
      const rng = new Rng(seed, stream);
      return draws(9, () => rng.nextU32());
    };
    assert.deepEqual(first(7, 2), first(7n, 2));
    assert.notDeepEqual(first(7, 2), first(7, 3));
    assert.notDeepEqual(first(7, 2), first(7n + (1n << 40n), 2));
  });

  it("never repeats a block within its first thousand", () => {
    const rng = new Rng(0, 0);
    assert.equal(new Set(draws(1000, () => [rng.nextU32(), rng.nextU32(), rng.nextU32(), rng.nextU32()].join())).size, 1000);
  });

  it("gives uniforms in [0, 1) with the mean and variance of the law", () => {
    const rng = new Rng(1, 0);
    const u = draws(20_000, () => rng.uniform());
    assert.ok(u.every((v) => v >= 0 && v < 1));
    assert.ok(Math.abs(mean(u) - 0.5) < 5 * Math.sqrt(1 / 12 / u.length));
    assert.ok(Math.abs(mean(u.map((v) => (v - 0.5) ** 2)) - 1 / 12) < 0.002);
  });

  it("gives normals with mean 0, variance 1, no skew and kurtosis 3", () => {
    const rng = new Rng(2, 0);
    const z = draws(40_000, () => rng.normal());
    const moment = (k: number): number => mean(z.map((v) => v ** k));
    for (const [k, want, sd] of [[1, 0, 1], [2, 1, Math.sqrt(2)], [3, 0, Math.sqrt(15)], [4, 3, Math.sqrt(96)]] as const) {
      assert.ok(Math.abs(moment(k) - want) < 5 * sd / Math.sqrt(z.length), `moment ${k}: ${moment(k)}`);
    }
  });

  it("draws integers without bias: chi-squared over 7 cells", () => {
    const rng = new Rng(3, 0);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) counts[rng.integer(7)]!++;
    assert.ok(counts.reduce((sum, c) => sum + (c - 10_000) ** 2 / 10_000, 0) < 22.5, counts.join()); // p = 0.001, 6 degrees
  });

  it("rejects the biased tail: with n = 3·2^30 one word in four is thrown away", () => {
    const rng = new Rng(4, 0);
    const n = 3 * 2 ** 30;
    const low = draws(6000, () => rng.integer(n)).filter((v) => v < 2 ** 30).length; // a plain modulus would give half
    assert.ok(Math.abs(low - 2000) < 5 * Math.sqrt(6000 * (1 / 3) * (2 / 3)), String(low));
  });

  it("permutes: every order of three about equally often", () => {
    const rng = new Rng(5, 0);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = [...rng.permutation(3)];
      assert.deepEqual([...order].sort(), [0, 1, 2]);
      counts.set(order.join(), (counts.get(order.join()) ?? 0) + 1);
    }
    assert.equal(counts.size, 6);
    for (const [order, count] of counts) assert.ok(Math.abs(count - 1000) < 150, `${order}: ${count}`);
  });

  it("shuffles in place and returns the same array", () => {
    const items = ["a", "b", "c", "d", "e"];
    assert.equal(new Rng(6, 0).shuffle(items), items);
    assert.deepEqual([...items].sort(), ["a", "b", "c", "d", "e"]);
  });

  it("keeps all 64 bits of a seed", () => {
    assert.deepEqual(seedWords(0x0123_4567_89ab_cdefn), [0x89abcdef, 0x01234567]);
    assert.deepEqual(seedWords(2 ** 52 + 5), [5, 2 ** 20]);
  });

  it("refuses seeds, streams and ranges that have no meaning", () => {
    for (const seed of [-1, 1.5, NaN, 2 ** 53, -1n, 1n << 64n]) assert.throws(() => new Rng(seed, 0), { code: "VALUE_RANGE" }, String(seed));
    for (const stream of [-1, 0.5, 2 ** 32]) assert.throws(() => new Rng(0, stream), { code: "VALUE_RANGE" });
    for (const n of [0, -3, 1.5, 2 ** 32 + 1]) assert.throws(() => new Rng(0, 0).integer(n), { code: "VALUE_RANGE" });
  });
});
