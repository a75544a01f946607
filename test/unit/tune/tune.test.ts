import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { EngineError } from "../../../services/engine/errors.ts";
import { linearGeometry } from "../../../services/engine/kernels/conv/geometry.ts";
import type { ConvVariant } from "../../../services/engine/kernels/conv/variants.ts";
import { type Bench, tune, type TuneOptions } from "../../../services/engine/tune/tune.ts";
import { Choices, type Verdict } from "../../../services/engine/tune/verdict.ts";
import type { Work } from "../../../services/engine/tune/work.ts";

/** How a candidate behaves: its time, and what else is the matter with it. */
interface Behaviour { readonly ms: number | ((call: number) => number); readonly startMs?: number; readonly wrong?: string; readonly throws?: Error }

const work: Work = { operation: "forward", geometry: linearGeometry(8, 64, 32) };
const other: Work = { operation: "grad-input", geometry: linearGeometry(8, 64, 32) };
const SHAPE = "forward 1×1 64→32";
const OTHER = "grad-input 1×1 64→32";

/** Candidates in the order of the keys, the default first; `log` gets what was done. */
function bench(behaviours: Readonly<Record<string, Behaviour>>, { software = false, log = [] as string[], onTime = () => undefined as void } = {}): Bench {
  const calls: Record<string, number> = {};
  return {
    software,
    candidates: () => Object.keys(behaviours).map((name): ConvVariant => ({ name, kernel: name, textures: [] })),
    trial: () => ({
      attempt: ({ name }) => {
        log.push(`attempt ${name}`);
        const { startMs = 1, wrong, throws } = behaviours[name]!;
        return throws ? Promise.reject(throws) : Promise.resolve({ ms: startMs, wrong });
      },
      time: (name, times) => {
        log.push(`time ${name} ${times}`);
        onTime();
        const { ms } = behaviours[name]!;
        return Promise.resolve(typeof ms === "number" ? ms : ms(calls[name] = (calls[name] ?? 0) + 1));
      },
      dispose: () => { log.push("dispose"); },
    }),
  };
}

/** The verdicts that tuning adds to those known. */
async function tuned(on: Bench, all: readonly Work[], known: ReadonlyMap<string, Verdict> = new Map(), options: TuneOptions = {}): Promise<Map<string, Verdict>> {
  const verdicts = new Map(known);
  await tune(on, all, verdicts, options);
  return new Map([...verdicts].filter(([shape, verdict]) => known.get(shape) !== verdict));
}

const verdictOf = async (behaviours: Readonly<Record<string, Behaviour>>, software = false): Promise<Verdict> => (await tuned(bench(behaviours, { software }), [work])).get(SHAPE)!;

describe("tune", () => {
  it("takes the fastest", async () => {
    assert.deepEqual(await verdictOf({ a: { ms: 4 }, b: { ms: 2 }, c: { ms: 3 } }), { faster: "b", ms: { a: 4, b: 2, c: 3 }, refused: {} });
  });

  it("keeps the default unless another is faster by more than the margin", async () => {
    assert.equal((await verdictOf({ a: { ms: 4 }, b: { ms: 3.9 } })).faster, null);
    assert.equal((await verdictOf({ a: { ms: 4 }, b: { ms: 3.7 } })).faster, "b");
    assert.equal((await verdictOf({ a: { ms: 4 }, b: { ms: 4 } })).faster, null);
  });

  it("goes by the median round and the best, and compares within a round", async () => {
    const disturbed = (quiet: number) => (call: number): number => (call === 3 ? 100 * quiet : quiet);
    assert.equal((await verdictOf({ a: { ms: 4 }, b: { ms: disturbed(2) } })).faster, "b");
    const often = (call: number): number => (call > 2 ? 4 : 2); // the default, disturbed in most rounds but not in all
    assert.equal((await verdictOf({ a: { ms: often }, b: { ms: 2.5 } })).faster, null);
    const slowing = (share: number) => (call: number): number => share * 2 ** call; // the whole machine slows down
    assert.equal((await verdictOf({ a: { ms: slowing(1) }, b: { ms: slowing(0.9) } })).faster, "b");
  });

  it("times in turn, backwards every second round, and as often as makes a round of 10 ms", async () => {
    const log: string[] = [];
    await tuned(bench({ a: { ms: 4 }, b: { ms: 2.5 } }, { log }), [work]);
    assert.deepEqual(log.slice(0, 8), ["attempt a", "attempt b", "time a 1", "time b 1", "time a 4", "time b 4", "time b 4", "time a 4"]);
    assert.deepEqual([log.length, log.at(-1)], [2 + 2 + 5 * 2 + 1, "dispose"]);
  });

  it("does not time again what is hopelessly slow", async () => {
    const log: string[] = [];
    const { ms } = (await tuned(bench({ a: { ms: 2 }, b: { ms: 50 } }, { log }), [work])).get(SHAPE)!;
    assert.deepEqual(ms, { a: 2, b: 50 });
    assert.equal(log.filter((line) => line.startsWith("time b")).length, 1);
  });

  it("refuses what is wrong, however fast, and what does not compile", async () => {
    const shader = new EngineError("SHADER_INVALID", "x.wgsl:1:1 no");
    assert.deepEqual(await verdictOf({ a: { ms: 4 }, b: { ms: 1, wrong: "1 of 9 values differ" }, c: { ms: 1, throws: shader } }), {
      faster: null, ms: { a: 4 }, refused: { b: "1 of 9 values differ", c: "x.wgsl:1:1 no" },
    });
  });

  it("refuses even the default when it is wrong, and compares with the next that is right", async () => {
    assert.deepEqual(await verdictOf({ a: { ms: 1, wrong: "all wrong" }, b: { ms: 4 }, c: { ms: 3.9 } }), { faster: null, ms: { b: 4, c: 3.9 }, refused: { a: "all wrong" } });
    assert.equal((await verdictOf({ a: { ms: 1, wrong: "all wrong" }, b: { ms: 4 }, c: { ms: 3 } })).faster, "c");
  });

  it("fails when nothing is right, and lets through what is no fault of a variant", async () => {
    await assert.rejects(verdictOf({ a: { ms: 1, wrong: "x" }, b: { ms: 1, wrong: "y" } }), { code: "GPU_FAULT", message: /^tuning forward 1×1 64→32: expected a variant that agrees/ });
    await assert.rejects(verdictOf({ a: { ms: 1 }, b: { ms: 1, throws: new EngineError("DEVICE_LOST", "gone") } }), { code: "DEVICE_LOST" });
  });

  it("refuses on a software adapter what takes long to compile, but never the default", async () => {
    const slow = { a: { ms: 4, startMs: 9000 }, b: { ms: 2, startMs: 2100 }, c: { ms: 3, startMs: 1900 } };
    assert.deepEqual(await verdictOf(slow, true), { faster: "c", ms: { a: 4, c: 3 }, refused: { b: "takes 2.1 s to compile" } });
    assert.equal((await verdictOf(slow)).faster, "b");
  });

  it("leaves out what it knows, what has one candidate, and what comes twice", async () => {
    const known = await tuned(bench({ a: { ms: 4 }, b: { ms: 2 } }), [work]);
    const log: string[] = [];
    const found = await tuned(bench({ a: { ms: 4 }, b: { ms: 2 } }, { log }), [work, other, other, work], known);
    assert.deepEqual([[...found.keys()], log.filter((line) => line === "dispose").length], [[OTHER], 1]);
    assert.equal((await tuned(bench({ only: { ms: 4 } }), [work])).size, 0);
  });

  it("tries again when there are other candidates than a verdict is about", async () => {
    const known = await tuned(bench({ a: { ms: 4 }, b: { ms: 2, wrong: "bad" } }), [work]);
    assert.equal((await tuned(bench({ a: { ms: 4 }, b: { ms: 2 } }), [work], known)).size, 0, "a refusal stands");
    for (const names of [["a"], ["a", "c"], ["a", "b", "c"]]) {
      const found = await tuned(bench(Object.fromEntries(names.map((name) => [name, { ms: 4 }]))), [work], known);
      assert.equal(found.size, names.length > 1 ? 1 : 0, names.join());
    }
  });

  it("reports each shape class, and nothing when there is nothing to do", async () => {
    const seen: [number, number][] = [];
    const onProgress = (done: number, total: number): void => { seen.push([done, total]); };
    const found = await tuned(bench({ a: { ms: 4 }, b: { ms: 2 } }), [work, other], undefined, { onProgress });
    assert.deepEqual(seen.splice(0), [[0, 2], [1, 2], [2, 2]]);
    await tuned(bench({ a: { ms: 4 }, b: { ms: 2 } }), [work, other], found, { onProgress });
    assert.deepEqual(seen, []);
  });

  it("stops between two dispatches when aborted, frees its trial, and keeps the verdicts so far", async () => {
    const controller = new AbortController();
    const log: string[] = [];
    let timings = 0;
    const onTime = (): void => { if (++timings === 15) controller.abort(new Error("enough")); }; // of 12 for each
    const verdicts = new Map<string, Verdict>();
    await assert.rejects(tune(bench({ a: { ms: 4 }, b: { ms: 2 } }, { log, onTime }), [work, other], verdicts, { signal: controller.signal }), { message: "enough" });
    assert.deepEqual([timings, log.filter((line) => line === "dispose").length, log.at(-1)], [15, 2, "dispose"]);
    assert.deepEqual([...verdicts.keys()], [SHAPE]);
  });
});

describe("choices", () => {
  const candidates = bench({ a: { ms: 1 }, b: { ms: 1 } }).candidates(work);
  const choose = (choices: Choices, { operation, geometry }: Work) => choices.choose(operation, geometry, candidates)?.name;

  it("are the faster variant where there is a verdict about these candidates, and are kept account of until taken", () => {
    const choices = new Choices(new Map<string, Verdict>([
      [SHAPE, { faster: "b", ms: { a: 2, b: 1 }, refused: {} }],
      [OTHER, { faster: "b", ms: { a: 2, b: 1, c: 3 }, refused: {} }],
    ]));
    assert.deepEqual([choose(choices, work), choose(choices, other)], ["b", undefined]);
    assert.deepEqual(choices.take(), { [SHAPE]: ["b"], [OTHER]: ["a"] });
    assert.deepEqual(choices.take(), {});
  });

  it("are the batch's own default where no other is faster, and never what was refused", () => {
    const about = (verdict: Verdict, order: readonly ConvVariant[]) => new Choices(new Map([[SHAPE, verdict]])).choose(work.operation, work.geometry, order)?.name;
    const even: Verdict = { faster: null, ms: { a: 2, b: 2 }, refused: {} };
    assert.deepEqual([about(even, candidates), about(even, candidates.toReversed())], ["a", "b"]);
    const broken: Verdict = { faster: null, ms: { b: 2 }, refused: { a: "wrong" } };
    assert.deepEqual([about(broken, candidates), about(broken, candidates.toReversed())], ["b", "b"]);
  });

  it("name every default that was used where it depends on the batch, once", () => {
    const choices = new Choices(new Map());
    for (const order of [candidates, candidates.toReversed(), candidates]) choices.choose(work.operation, work.geometry, order);
    assert.deepEqual(choices.take(), { [SHAPE]: ["a", "b"] });
  });
});
