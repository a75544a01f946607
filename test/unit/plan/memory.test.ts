import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { type Access, Block, BlockTexture, type MemoryPlan, place, placeTextures } from "../../../services/engine/plan/memory.ts";
import { Rng } from "../../../services/common/rng.ts";
import { assertNoOverlap } from "../../support/memory-plan.ts";

const LIMIT = 2 ** 20;
const block = (elements: number): Block => new Block(`b${elements}`, [elements]);

/** What every placement must fulfil, whatever the units. */
function check(units: readonly Access[], survive: ReadonlySet<Block>, plan: MemoryPlan): void {
  assertNoOverlap(plan);
  const where = new Map(plan.placements.map((p) => [p.block, p]));
  units.forEach(({ reads, writes, scratch }, i) => {
    for (const touched of [...reads, ...writes, ...scratch]) {
      const { first, last } = where.get(touched)!;
      assert.ok(first <= i && i <= last, "live while it is touched");
      if (survive.has(touched)) assert.equal(last, units.length);
    }
    const arena = (b: Block): number => where.get(b)!.arena;
    for (const written of writes) for (const read of reads) assert.notEqual(arena(written), arena(read), "one dispatch cannot read and write a buffer");
    for (const s of scratch) for (const other of [...reads, ...writes]) assert.notEqual(arena(s), arena(other));
  });
}

/** A random program: every unit reads earlier results, writes one, sometimes with scratch. */
function randomUnits(rng: Rng): Access[] {
  const made: Block[] = [block(1 + rng.integer(5000))];
  return Array.from({ length: 3 + rng.integer(30) }, () => {
    const recent = made.slice(-6);
    const reads = [...new Set(Array.from({ length: 1 + rng.integer(3) }, () => recent[rng.integer(recent.length)]!))];
    const writes = Array.from({ length: 1 + rng.integer(2) }, () => block(1 + rng.integer(5000)));
    made.push(...writes);
    return { reads, writes, scratch: rng.integer(4) === 0 ? [block(1 + rng.integer(9000))] : [] };
  });
}

describe("place", () => {
  it("never overlaps live blocks and never mixes reads and writes in one buffer (200 random programs, seed 7)", () => {
    for (let i = 0; i < 200; i++) {
      const rng = new Rng(7, i);
      const units = randomUnits(rng);
      const survive = new Set(units.flatMap(({ writes }) => writes).filter(() => rng.integer(8) === 0));
      check(units, survive, place(units, survive, LIMIT));
    }
  });

  it("reuses memory: a chain of equal blocks takes two of them, however long", () => {
    const chain = Array.from({ length: 21 }, () => block(1000));
    const units = chain.slice(1).map((y, i): Access => ({ reads: [chain[i]!], writes: [y], scratch: [] }));
    const { arenas } = place(units, new Set(), LIMIT);
    assert.deepEqual(arenas, [4096, 4096]);
  });

  it("does not hand on what must survive", () => {
    const [a, b, c] = [block(64), block(64), block(64)] as const;
    const units: Access[] = [{ reads: [a], writes: [b], scratch: [] }, { reads: [b], writes: [c], scratch: [] }];
    const { placements } = place(units, new Set([a]), LIMIT);
    assert.deepEqual(placements.map(({ arena, offset }) => [arena, offset]), [[0, 0], [1, 0], [0, 256]]);
  });

  it("takes the smallest hole that fits", () => {
    const [big, gapA, gapB, wall, small] = [block(64), block(256), block(64), block(64), block(64)] as const;
    const write = (...writes: Block[]): Access => ({ reads: [], writes, scratch: [] });
    const read = (...reads: Block[]): Access => ({ reads, writes: [], scratch: [] });
    // arena: big | gapA | wall | gapB | end; gapA and gapB are free when small comes
    const end = block(64);
    const { placements } = place([write(big, gapA, wall, gapB, end), write(small), read(big, wall, end)], new Set(), LIMIT);
    const offset = (b: Block): number => placements.find((p) => p.block === b)!.offset;
    assert.equal(offset(small), offset(gapB));
  });

  it("opens another arena rather than outgrow the limit, and refuses a block that alone exceeds it", () => {
    const [a, b] = [block(64), block(64)] as const;
    const together: Access = { reads: [], writes: [a, b], scratch: [] };
    assert.deepEqual(place([together], new Set(), 256).arenas, [256, 256]);
    assert.throws(() => place([together], new Set(), 128), { code: "OUT_OF_MEMORY", message: /use a smaller batch/ });
  });

  it("leaves blocks alone that have memory already", () => {
    const external = new Block("external", [64], {} as never);
    assert.deepEqual(place([{ reads: [external], writes: [block(1)], scratch: [] }], new Set(), LIMIT).placements.map(({ block: b }) => b.label), ["b1"]);
  });
});

describe("placeTextures", () => {
  const touch = (...textures: BlockTexture[]): Access => ({ reads: [], writes: [], scratch: [], textures });
  const texture = (elements: number): BlockTexture => new BlockTexture(block(elements));

  it("lets textures share a slot whose lives do not meet, and no others", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const rng = new Rng(seed, 0);
      const textures = Array.from({ length: 1 + rng.integer(12) }, () => texture(1 + rng.integer(9000)));
      const units = Array.from({ length: 1 + rng.integer(20) }, () => touch(...textures.filter(() => rng.integer(4) === 0)));
      const survive = new Set(textures.filter(() => rng.integer(5) === 0));
      const touched = textures.filter((t) => units.some((unit) => unit.textures!.includes(t)));
      const lives = new Map(touched.map((t) => {
        const at = units.flatMap((unit, i) => (unit.textures!.includes(t) ? [i] : []));
        return [t, [at[0]!, survive.has(t) ? units.length : at.at(-1)!] as const];
      }));
      const slots = placeTextures(units, survive);
      assert.deepEqual(new Set(slots.flatMap(({ holds }) => holds)), new Set(touched), `seed ${seed}: each has one place`);
      for (const { bytes, holds } of slots) {
        assert.equal(bytes, Math.max(...holds.map((t) => t.block.bytes)), `seed ${seed}: a slot is as large as its largest`);
        for (const a of holds) for (const b of holds) if (a !== b) assert.ok(lives.get(a)![1] < lives.get(b)![0] || lives.get(b)![1] < lives.get(a)![0], `seed ${seed}: lives meet`);
      }
    }
  });

  it("gives the small the place of the large that came before", () => {
    const [large, small] = [texture(8000), texture(10)] as const;
    assert.deepEqual(placeTextures([touch(small), touch(large)], new Set()).map(({ holds }) => holds.length), [2]);
    assert.equal(placeTextures([touch(small), touch(large)], new Set([small])).length, 2);
  });
});
