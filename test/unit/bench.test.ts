import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

import type { Environment } from "../../schema/jobs/runner-message.ts";
import { environmentSchema } from "../../schema/jobs/runner-message.ts";
import type { Clock } from "../../services/common/clock.ts";
import { AppError } from "../../services/common/errors.ts";
import { findRoot } from "../../services/common/paths.ts";
import type { Step } from "../../services/engine/gpu/kernel.ts";
import { copy } from "../../services/engine/gpu/program.ts";
import type { Tensor } from "../../services/engine/gpu/tensor.ts";
import { mergeParts, nameOf, type Part } from "../bench/breakdown.ts";
import { footprintOf } from "../bench/footprint.ts";
import { effortOf, parseOptions } from "../bench/options.ts";
import { markersOf, replaceSection, SECTIONS } from "../bench/readme.ts";
import { breakdownLines, effortLine, firstResultLines, headLines, networkLines, networkResult, operatorLines, operatorResult, ownLines, type Report } from "../bench/report.ts";
import { growthLines, growthOf } from "../bench/scaling/scale.ts";
import { preloadArguments, scriptArguments } from "../bench/script.ts";
import { fitExponent, median, rateOf, scaled, type Summary, summarise } from "../bench/statistics.ts";
import { mebibytes, table, three } from "../bench/table.ts";
import { type Meter, timeCases, unitsFor } from "../bench/timing.ts";

const same = (value: number): Summary => ({ median: value, min: value, max: value, n: 3 });
const timing = (ms: number, cpuMs = ms): { ms: Summary; cpuMs: Summary } => ({ ms: same(ms), cpuMs: same(cpuMs) });
const invalid = (code: string) => (error: unknown): boolean => error instanceof AppError && error.code === code;

describe("the benchmark's statistics", () => {
  it("takes the middle value, or the mean of the two in the middle, and leaves its input as it is", () => {
    const values = [5, 1, 10];
    assert.equal(median(values), 5);
    assert.deepEqual(values, [5, 1, 10]);
    assert.equal(median([4, 1, 3, 2]), 2.5);
    assert.equal(median([7]), 7);
    assert.equal(median([10, 9, 100]), 10, "by value, not by spelling");
  });

  it("refuses no values and values that are not finite", () => {
    for (const values of [[], [1, NaN], [Infinity]]) assert.throws(() => median(values), invalid("VALUE_RANGE"));
  });

  it("keeps median, least, largest and count", () => assert.deepEqual(summarise([3, 9, 1, 2]), { median: 2.5, min: 1, max: 9, n: 4 }));

  it("turns times into rates, the longest time into the lowest rate", () => {
    assert.deepEqual(rateOf(64, { median: 100, min: 50, max: 200, n: 3 }), { median: 640, min: 320, max: 1280, n: 3 });
    assert.ok(Number.isFinite(rateOf(1, same(0)).median));
  });

  it("fits the exponent of a power law, and a middle one between two laws", () => {
    assert.ok(Math.abs(fitExponent([1, 10, 1000], [3, 300, 3_000_000]) - 2) < 1e-12);
    assert.ok(Math.abs(fitExponent([16, 8, 32], [5, 5, 5])) < 1e-12);
    assert.ok(Math.abs(fitExponent([1, 2, 4], [1, 2, 8]) - 1.5) < 1e-12, "steps of 1 and 2");
  });

  it("refuses to fit what has no exponent", () => {
    for (const [xs, ys] of [[[1], [1]], [[2, 2], [1, 3]], [[1, 2], [1]], [[1, 2], [0, 1]], [[-1, 2], [1, 1]], [[1, 2], [1, NaN]]] as [number[], number[]][]) {
      assert.throws(() => fitExponent(xs, ys), invalid("VALUE_RANGE"), `${xs} ${ys}`);
    }
  });

  it("changes the unit of all but the count", () => assert.deepEqual(scaled({ median: 2, min: 1, max: 4, n: 5 }, 0.5), { median: 1, min: 0.5, max: 2, n: 5 }));
});

describe("the benchmark's tables", () => {
  it("line up the first column on the left and the others on the right", () => {
    assert.deepEqual(table(["name", "ms"], [["a", "1.00"], ["longer", "12"]]), [
      "name      ms",
      "──────  ────",
      "a       1.00",
      "longer    12",
    ]);
    assert.deepEqual(table(["empty", "ms"], []), ["empty  ms", "─────  ──"]);
  });

  it("give three digits without exponents", () => {
    const cases: [number, string][] = [[0, "0"], [0.01234, "0.0123"], [0.9999, "1.00"], [1, "1.00"], [9.996, "10.0"], [12.345, "12.3"], [123.4, "123"], [999.6, "1000"], [12_345, "12300"], [-1.5, "-1.50"], [1e-9, "0.000000"], [Infinity, "Infinity"]];
    for (const [value, text] of cases) assert.equal(three(value), text, `${value}`);
    assert.equal(mebibytes(3 * 2 ** 19), "1.50");
  });
});

describe("the benchmark's options", () => {
  const off = { quick: false, breakdown: false, peers: false, scaling: false, readme: false, withoutOwn: false };
  it("are off by default", () => assert.deepEqual(parseOptions([]), off));
  it("take files, filters and counts", () => {
    assert.deepEqual(parseOptions(["--json", "f.json", "--only", "conv", "--quick", "--breakdown"]), { ...off, quick: true, breakdown: true, json: "f.json", only: "conv" });
    assert.deepEqual(parseOptions(["--peers", "--without-own", "--engine", "tfjs", "--rounds", "9", "--slow-rounds", "2"]), { ...off, peers: true, withoutOwn: true, engine: "tfjs", rounds: 9, slowRounds: 2 });
    assert.deepEqual(parseOptions(["--scaling", "--readme"]), { ...off, scaling: true, readme: true });
  });
  it("refuse what they do not know, and say how the command is used", () => {
    for (const args of [["--fast"], ["file"], ["--json"], ["--rounds", "0"], ["--rounds", "1.5"], ["--slow-rounds", "many"], ["--rounds", "1000"], ["--readme", "--only", "conv"], ["--readme", "--engine", "torch"]]) {
      assert.throws(() => parseOptions(args), (error: AppError) => error.code === "INVALID_INPUT" && error.message.includes("npm run bench --"), args.join(" "));
    }
  });
  it("measure less when quick, and as many rounds as asked for", () => {
    const [quick, full] = [true, false].map((on) => effortOf({ quick: on }));
    assert.ok(quick!.rounds < full!.rounds && quick!.batchMs < full!.batchMs && quick!.longSamples < full!.longSamples);
    assert.deepEqual(effortOf({ quick: false, rounds: 11 }), { ...full!, rounds: 11, longSamples: 11 });
  });
});

/** Time passes only where `work` says so; the process uses both cores all of it. */
function fakeMeter(): { meter: Meter; work: (ms: number) => void } {
  let now = 0;
  const clock: Clock = { now: () => 0, nowIso: () => "", monotonic: () => now };
  return { meter: { clock, cores: 4, cpuMs: () => 2 * now }, work: (ms) => { now += ms; } };
}

describe("timing", () => {
  it("fills a batch, but at least with one unit and never with more than a thousand", () => {
    assert.deepEqual([10, 1, 99, 1e5, 0].map((ms) => unitsFor(ms, 100)), [10, 100, 1, 1, 1000]);
  });

  it("warms every case up, then times batches of all of them in turn, per unit and per core", async () => {
    const { meter, work } = fakeMeter();
    const log: string[] = [];
    const made = (name: string, msOf: (nth: number) => number) => {
      let nth = 0;
      return { name, batch: async (count: number) => async () => { log.push(`${name}×${count}`); for (let i = 0; i < count; i++) work(msOf(nth)); nth++; } };
    };
    const compiling = made("a", (nth) => (nth === 0 ? 500 : 5)); // the first run compiles and must not count
    const uneven = made("b", (nth) => [40, 40, 80, 20][nth]!);
    const timings = await timeCases([compiling, uneven], { rounds: 2, batchMs: 20, longMs: 1000, longSamples: 2 }, meter);
    assert.deepEqual(log, ["a×1", "a×1", "b×1", "b×1", "a×4", "b×1", "a×4", "b×1"]);
    assert.deepEqual(timings.get(compiling), { ms: { median: 5, min: 5, max: 5, n: 2 }, cpuMs: { median: 2.5, min: 2.5, max: 2.5, n: 2 } });
    assert.deepEqual(timings.get(uneven)!.ms, { median: 50, min: 20, max: 80, n: 2 });
  });

  it("takes the run before the rounds as the first sample of long work, and stops when it has enough", async () => {
    const { meter, work } = fakeMeter();
    const log: string[] = [];
    const made = (name: string, ms: readonly number[]) => { let nth = 0; return { name, batch: async () => async () => { log.push(name); work(ms[nth++] ?? 1); } }; };
    const [long, short] = [made("long", [900, 300, 500]), made("short", [9, 20, 20, 20, 20])];
    const timings = await timeCases([long, short], { rounds: 3, batchMs: 20, longMs: 200, longSamples: 2 }, meter);
    assert.deepEqual(log, ["long", "long", "short", "short", "long", "short", "short", "short"]);
    assert.deepEqual(timings.get(long)!.ms, { median: 400, min: 300, max: 500, n: 2 });
    assert.equal(timings.get(short)!.ms.n, 3);
  });

  it("lets a watcher see the run before the rounds, once for each case", async () => {
    const { meter } = fakeMeter();
    const seen: string[] = [];
    const each = { name: "a", batch: async () => async () => { seen.push("run"); } };
    await timeCases([each], { rounds: 1, batchMs: 1e-9, longMs: 1, longSamples: 1 }, meter, async ({ name }, run) => { seen.push(`watch ${name}`); await run(); });
    assert.deepEqual(seen, ["run", "watch a", "run", "run"]);
  });
});

const bufferOf = (label: string, size: number): GPUBuffer => ({ label, size }) as GPUBuffer;
const tensorIn = (buffer: GPUBuffer, label: string, bytes = 16): Tensor => ({ buffer, offset: 0, bytes, shape: [bytes / 4], dtype: "f32", label });
const dispatchOf = (name: string, reads: Tensor[], writes: Tensor[]): Step => ({
  kind: "dispatch", params: {}, buffers: [...reads, ...writes], workgroups: 1,
  spec: { name, lib: [], params: {}, reads: reads.map(({ label }) => label), writes: writes.map(({ label }) => label), constants: {} },
});
const launchOf = (steps: Step[], hostMs = 0) => ({ label: "test", steps, values: new Map(), hostMs });

describe("the footprint of a recipe", () => {
  it("counts launches, copies and clears, and every buffer once", () => {
    const [weights, workspace, image] = [bufferOf("run/parameters", 1000), bufferOf("run/workspace 0", 4096), bufferOf("run/image", 256)];
    const relu = dispatchOf("elementwise/relu", [tensorIn(weights, "w")], [tensorIn(workspace, "y")]);
    const steps: Step[] = [copy(tensorIn(image, "x"), tensorIn(workspace, "x")), relu, relu, { kind: "clear", tensor: tensorIn(workspace, "z") }];
    assert.deepEqual(footprintOf([launchOf(steps, 1.5), launchOf([relu], 0.5)]), { dispatches: 3, copies: 2, commandBuffers: 2, objects: 3, workspaceBytes: 4096, bytes: 5352, hostMs: 2 });
  });

  it("counts a texture beside its buffer, once", () => {
    const x = { ...tensorIn(bufferOf("run/parameters", 1000), "w"), texture: { texture: { height: 2 } as GPUTexture, view: {} as GPUTextureView } };
    const { copies, objects, bytes } = footprintOf([launchOf([{ kind: "texture", tensor: x }, dispatchOf("conv/any", [x], [tensorIn(bufferOf("run/y", 100), "y")])])]);
    assert.deepEqual({ copies, objects, bytes }, { copies: 1, objects: 3, bytes: 1100 + 2 * 4096 * 16 });
  });

  it("counts only a plan's workspace as workspace", () => {
    const steps = [dispatchOf("k", [tensorIn(bufferOf("run/my workspace 3", 16), "x")], [tensorIn(bufferOf("run/workspace 12", 32), "y")])];
    assert.equal(footprintOf([launchOf(steps)]).workspaceBytes, 32);
  });
});

describe("the breakdown", () => {
  it("names a launch by its kernel and what it writes", () => {
    const [x, y] = [tensorIn(bufferOf("a", 16), "x"), tensorIn(bufferOf("b", 16), "y", 32)];
    assert.equal(nameOf(dispatchOf("elementwise/relu", [x], [y])), "elementwise/relu → y [8]");
    assert.equal(nameOf(copy(x, y)), "copy → y [8]");
    assert.equal(nameOf({ kind: "clear", tensor: x }), "clear x");
    assert.equal(nameOf({ kind: "texture", tensor: { ...x, texture: {} as never } }), "texture ← x [4]");
  });

  it("adds up launches of one name", () => {
    const parts: Part[] = [{ name: "a", count: 1, timing: timing(3) }, { name: "b", count: 2, timing: timing(2) }, { name: "a", count: 3, timing: timing(99) }];
    assert.deepEqual(mergeParts(parts), [{ name: "a", count: 4, timing: timing(3) }, { name: "b", count: 2, timing: timing(2) }]);
  });

  it("gathers small parts in one line and sets their sum beside the whole", () => {
    const footprint = { ...footprintOf([]), objectsCreated: 0 };
    const breakdown = [{ name: "tiny", count: 3, timing: timing(0.1, 0.05) }, { name: "waits", count: 1, timing: timing(60, 10) }, { name: "works", count: 2, timing: timing(20, 15) }];
    const result = networkResult({ name: "net", network: "tiny-cnn", images: 1, flop: 1 }, timing(110, 45), footprint, breakdown);
    const lines = (by: "ms" | "cpuMs"): string[] => breakdownLines(result, by).slice(2).map((line) => line.replace(/ {2,}/g, " | "));
    const ends = ["sum of the parts | 100 | 40.1", "the whole, timed | 110 | 45.0"];
    assert.deepEqual(lines("ms"), ["waits | 1 | 60.0 | 60.0 | 10.0 | 59.8 %", "works | 2 | 20.0 | 40.0 | 30.0 | 39.9 %", "1 others | 3 | 0.300 | 0.150 | 0.3 %", ...ends]);
    assert.deepEqual(lines("cpuMs"), ["works | 2 | 20.0 | 40.0 | 30.0 | 74.7 %", "waits | 1 | 60.0 | 60.0 | 10.0 | 24.9 %", "1 others | 3 | 0.300 | 0.150 | 0.4 %", ...ends]);
  });
});

describe("the report", () => {
  const environment: Environment = {
    adapter: "llvmpipe (LLVM 19)", adapterKind: "lavapipe", software: true, vendor: "mesa", architecture: "llvmpipe", kernelFamily: "subgroup8",
    dawn: "webgpu 0.6.2", node: "v20.19.0", platform: "linux-x64", code: "0.1.0+abc", advice: null, measuredGflops: 29.14,
  };
  const footprint = { dispatches: 29, copies: 1, commandBuffers: 1, objects: 17, objectsCreated: 0, workspaceBytes: 2 ** 21, bytes: 2 ** 22, hostMs: 1.25 };
  const own = {
    peaks: [operatorResult({ name: "peak", unit: "GFLOP/s", work: 67_108_864 }, timing(1)), operatorResult({ name: "copy", unit: "GB/s", work: 2e9 }, timing(100))],
    operators: [
      operatorResult({ name: "GEMM 256³", unit: "GFLOP/s", work: 2 * 256 ** 3 }, { ms: { median: 1, min: 0.5, max: 2, n: 7 }, cpuMs: same(0.75) }),
      operatorResult({ name: "ReLU", unit: "GB/s", work: 1e9 }, timing(200)),
    ],
    networks: [networkResult({ name: "small-cnn: forward", network: "small-cnn", images: 64, flop: 2.08e9 }, { ms: { median: 50, min: 40, max: 80, n: 7 }, cpuMs: same(45) }, footprint)],
    firstResult: { cold: { median: 9000, min: 8000, max: 10_000, n: 2 }, warm: { median: 2000, min: 1900, max: 2500, n: 4 } },
  };
  const report: Report = {
    version: 2, date: "2026-11-22T12:00:00.000Z", environment, machine: { cpu: "Zen", cores: 2, memoryBytes: 8 * 2 ** 30, load: 1.25 }, tuned: false, effort: { rounds: 7, batchMs: 120, longMs: 1000, longSamples: 3 }, seed: "1", own,
  };

  it("gives an operator's rate in billions per second", () => {
    const { median: middle, min, max, n } = own.operators[0]!.rate;
    assert.deepEqual([middle, min, max].map((rate) => rate.toFixed(6)), ["33.554432", "16.777216", "67.108864"]);
    assert.equal(n, 7);
    const lines = operatorLines(own.operators, own.peaks).map((line) => line.replace(/ {2,}/g, " | "));
    assert.equal(lines[4], "GEMM 256³ | 1.00 | 0.500 | 2.00 | 0.750 | 33.6 | 16.8 | 67.1 | 44.7 | GFLOP/s | 50 %", "of the arithmetic peak");
    assert.match(lines[5]!, /^ReLU .* GB\/s \| 25 %$/, "of the copy");
    assert.match(lines[2]!, /^peak .* 100 %$/);
  });

  it("gives a network's images and operations per second, and what a step asks for", () => {
    assert.deepEqual(own.networks[0]!.imagesPerSecond, { median: 1280, min: 800, max: 1600, n: 7 });
    const lines = networkLines(own.networks).map((line) => line.replace(/ {2,}/g, " | "));
    assert.equal(lines[2], "small-cnn: forward | 50.0 | 40.0 | 80.0 | 45.0 | 1280 | 800 | 1600 | 41.6 | 46.2");
    assert.equal(lines[6], "small-cnn: forward | 29 | 1 | 1 | 17 | 0 | 2.00 | 4.00 | 1.25 | 2.5 %");
  });

  it("gives the first result with cold and with warm caches", () => {
    assert.deepEqual(firstResultLines(own.firstResult).slice(2).map((line) => line.replace(/ {2,}/g, " | ")), ["cold: caches of driver and Lorenz empty | 9000 | 8000 | 10000 | 2", "warm | 2000 | 1900 | 2500 | 4"]);
  });

  it("says how times were taken and what the peak is, and that a software adapter has no fused multiply-add", () => {
    assert.match(effortLine(report.effort), /Medians of 7 interleaved rounds, of 3 where a unit takes over 1 s/);
    assert.doesNotMatch(effortLine({ ...report.effort, longSamples: 7 }), /over 1 s/);
    assert.match(ownLines(own, true).join("\n"), /no fused multiply-add/);
    assert.doesNotMatch(ownLines(own, false).join("\n"), /no fused multiply-add/);
    assert.deepEqual(ownLines({ peaks: own.peaks, operators: [], networks: [] }, true), [], "nothing of a part that was filtered out");
  });

  it("names adapter, versions, machine, seed and date", () => {
    const text = headLines(report).join("\n");
    for (const fact of ["lavapipe: llvmpipe (LLVM 19) (software), kernels subgroup8, not tuned, 29.1 GFLOP/s", "webgpu 0.6.2", "v20.19.0", "2 × Zen", "8 GiB", "load 1.3", "2026-11-22", "seed 1"]) assert.ok(text.includes(fact), `${fact} in\n${text}`);
  });

  it("survives JSON whole, with an environment as runs store it", () => {
    const parsed = JSON.parse(JSON.stringify(report)) as Report;
    assert.deepEqual(parsed, report);
    assert.deepEqual(environmentSchema.parse(parsed.environment), environment);
    assert.deepEqual(Object.keys(parsed), ["version", "date", "environment", "machine", "tuned", "effort", "seed", "own"]);
  });
});

describe("growth", () => {
  const sample = (ms: number) => ({ ms, cpuMs: ms / 2 });
  const points = [{ value: 1, samples: [sample(10), sample(10), sample(1000)] }, { value: 4, samples: [sample(40), sample(160), sample(40)] }, { value: 16, samples: [sample(160), sample(2560)] }];

  it("fits the medians, and each round by itself for the range; a round that long work sat out does not count", () => {
    const { exponent, points: timed } = growthOf({ work: "w", variable: "x" }, points, "ms");
    assert.ok(Math.abs(exponent.min - 1) < 1e-12 && Math.abs(exponent.max - 2) < 1e-12);
    assert.equal(exponent.n, 2);
    assert.ok(Math.abs(exponent.median - fitExponent([1, 4, 16], [10, 40, 1360])) < 1e-12);
    assert.deepEqual(timed.map(({ value, ms: { median: middle } }) => [value, middle]), [[1, 10], [4, 40], [16, 1360]]);
  });

  it("prints work, variable, range and exponents, then every point", () => {
    const lines = growthLines([growthOf({ work: "w", variable: "x" }, points, "cpuMs")], "cpuMs").map((line) => line.replace(/ {2,}/g, " | "));
    assert.match(lines[2]!, /^w \| x \| 1 \| 16 \| 1\.77 \| 1\.00 \| 2\.00$/);
    assert.match(lines.at(-1)!, /1: 5\.00 \| 4: 20\.0 \| 16: 680$/);
  });
});

describe("processes of the benchmark", () => {
  it("run TypeScript through its loader and compiled files as they are", () => {
    assert.deepEqual(scriptArguments("file:///p/dist/first-result.js", "first-step"), ["/p/dist/first-step.js"]);
    assert.deepEqual(preloadArguments("file:///p/dist/peers.js", "throttle"), ["--import", "file:///p/dist/throttle.js"]);
    const [flag, loader, ...script] = scriptArguments("file:///p/first-result.ts", "first-step");
    assert.deepEqual([flag, script], ["--import", ["/p/first-step.ts"]]);
    assert.match(loader!, /tsx/);
  });
});

describe("the README's tables", () => {
  const readme = readFileSync(join(findRoot(), "README.md"), "utf8");
  const lines = (text: string): string[] => text.split("\n");

  for (const section of SECTIONS) {
    it(`have a place for "${section}", and writing it changes nothing else`, () => {
      const { begin, end } = markersOf(section);
      const written = replaceSection(readme, section, ["a table", "of two lines"]);
      const [before, after] = [lines(readme), lines(written)];
      assert.deepEqual(after.slice(0, after.indexOf(begin) + 1), before.slice(0, before.indexOf(begin) + 1));
      assert.deepEqual(after.slice(after.indexOf(end)), before.slice(before.indexOf(end)));
      assert.deepEqual(after.slice(after.indexOf(begin) + 1, after.indexOf(end)), ["```", "a table", "of two lines", "```"]);
      assert.equal(replaceSection(written, section, ["a table", "of two lines"]), written, "writing twice is writing once");
    });
  }

  it("are refused a README without the place, with half of it, or with two", () => {
    const { begin, end } = markersOf("own");
    for (const text of ["", begin, end, `${end}\n${begin}`, `${begin}\n${end}\n${begin}\n${end}`]) assert.throws(() => replaceSection(text, "own", []), invalid("INVALID_INPUT"), text);
  });
});
