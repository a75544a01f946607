import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Environment } from "../../schema/jobs/runner-message.ts";
import { environmentSchema } from "../../schema/jobs/runner-message.ts";
import type { Clock } from "../../services/common/clock.ts";
import { AppError } from "../../services/common/errors.ts";
import type { Step } from "../../services/engine/gpu/kernel.ts";
import { copy } from "../../services/engine/gpu/program.ts";
import type { Tensor } from "../../services/engine/gpu/tensor.ts";
import { mergeParts, nameOf, type Part } from "../bench/breakdown.ts";
import { footprintOf } from "../bench/footprint.ts";
import { effortOf, parseOptions } from "../bench/options.ts";
import { breakdownLines, headLines, networkLines, networkResult, operatorLines, operatorResult, type Report } from "../bench/report.ts";
import { median, rateOf, scaled, type Summary, summarise } from "../bench/statistics.ts";
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
  it("are off by default", () => assert.deepEqual(parseOptions([]), { quick: false, breakdown: false }));
  it("take a file and a filter", () => assert.deepEqual(parseOptions(["--json", "f.json", "--only", "conv", "--quick", "--breakdown"]), { quick: true, breakdown: true, json: "f.json", only: "conv" }));
  it("refuse what they do not know, and say how the command is used", () => {
    for (const args of [["--fast"], ["file"], ["--json"]]) assert.throws(() => parseOptions(args), (error: AppError) => error.code === "INVALID_INPUT" && error.message.includes("npm run bench --"));
  });
  it("measure less when quick", () => {
    const [quick, full] = [true, false].map((on) => effortOf({ quick: on, breakdown: false }));
    assert.ok(quick!.rounds < full!.rounds && quick!.batchMs < full!.batchMs);
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
    const timings = await timeCases([compiling, uneven], { rounds: 2, batchMs: 20 }, meter);
    assert.deepEqual(log, ["a×1", "a×1", "b×1", "b×1", "a×4", "b×1", "a×4", "b×1"]);
    assert.deepEqual(timings.get(compiling), { ms: { median: 5, min: 5, max: 5, n: 2 }, cpuMs: { median: 2.5, min: 2.5, max: 2.5, n: 2 } });
    assert.deepEqual(timings.get(uneven)!.ms, { median: 50, min: 20, max: 80, n: 2 });
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
    assert.deepEqual(footprintOf([launchOf(steps, 1.5), launchOf([relu], 0.5)]), { dispatches: 3, copies: 2, commandBuffers: 2, workspaceBytes: 4096, bufferBytes: 5352, hostMs: 2 });
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
  const footprint = { dispatches: 29, copies: 1, commandBuffers: 1, objectsCreated: 0, workspaceBytes: 2 ** 21, bufferBytes: 2 ** 22, hostMs: 1.25 };
  const report: Report = {
    version: 1, date: "2026-11-22T12:00:00.000Z", environment, machine: { cpu: "Zen", cores: 2, memoryBytes: 8 * 2 ** 30, load: 1.25 }, effort: { rounds: 7, batchMs: 120 }, seed: "1",
    operators: [operatorResult({ name: "GEMM 256³", unit: "GFLOP/s", work: 2 * 256 ** 3 }, { ms: { median: 1, min: 0.5, max: 2, n: 7 }, cpuMs: same(0.75) })],
    networks: [networkResult({ name: "small-cnn: forward", network: "small-cnn", images: 64, flop: 2.08e9 }, { ms: { median: 50, min: 40, max: 80, n: 7 }, cpuMs: same(45) }, footprint)],
  };

  it("gives an operator's rate in billions per second", () => {
    const { median: middle, min, max, n } = report.operators[0]!.rate;
    assert.deepEqual([middle, min, max].map((rate) => rate.toFixed(6)), ["33.554432", "16.777216", "67.108864"]);
    assert.equal(n, 7);
    assert.match(operatorLines(report.operators)[2]!, /^GEMM 256³ +1\.00 +0\.500 +2\.00 +0\.750 +33\.6 +16\.8 +67\.1 +44\.7 +GFLOP\/s$/);
  });

  it("gives a network's images and operations per second, and what a step asks for", () => {
    assert.deepEqual(report.networks[0]!.imagesPerSecond, { median: 1280, min: 800, max: 1600, n: 7 });
    const lines = networkLines(report.networks).map((line) => line.replace(/ {2,}/g, " | "));
    assert.equal(lines[2], "small-cnn: forward | 50.0 | 40.0 | 80.0 | 45.0 | 1280 | 800 | 1600 | 41.6 | 46.2");
    assert.equal(lines[6], "small-cnn: forward | 29 | 1 | 1 | 0 | 2.00 | 4.00 | 1.25");
  });

  it("names adapter, versions, machine, seed and date, and that the numbers are medians", () => {
    const text = headLines(report).join("\n");
    for (const fact of ["lavapipe: llvmpipe (LLVM 19) (software), kernels subgroup8, 29.1 GFLOP/s", "webgpu 0.6.2", "v20.19.0", "2 × Zen", "8 GiB", "load 1.3", "2026-11-22", "seed 1", "Medians of 7"]) assert.ok(text.includes(fact), `${fact} in\n${text}`);
  });

  it("survives JSON whole, with an environment as runs store it", () => {
    const parsed = JSON.parse(JSON.stringify(report)) as Report;
    assert.deepEqual(parsed, report);
    assert.deepEqual(environmentSchema.parse(parsed.environment), environment);
    assert.deepEqual(Object.keys(parsed), ["version", "date", "environment", "machine", "effort", "seed", "operators", "networks"]);
  });
});
