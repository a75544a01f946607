import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";

import { AppError } from "../../services/common/errors.ts";
import { COMPARED, type ComparedCase } from "../bench/comparison/cases.ts";
import { cannot, type Engine } from "../bench/comparison/engine.ts";
import { SETTINGS, writeInputs } from "../bench/comparison/inputs.ts";
import { PeerProcess } from "../bench/comparison/peer-process.ts";
import { requirePeers } from "../bench/comparison/peers.ts";
import { parseAnswer } from "../bench/comparison/protocol.ts";
import { comparisonLines, ratioOf } from "../bench/comparison/report.ts";
import { differenceOf, expectedMs, type Lane, prepareRaces, type Race, runRaces } from "../bench/comparison/rounds.ts";

const folder = mkdtempSync(join(tmpdir(), "lorenz-test-"));
const started: PeerProcess[] = [];
after(async () => {
  await Promise.all(started.map((peer) => peer.end())); // also of tests that failed
  rmSync(folder, { recursive: true, force: true });
});

const refused = (words: RegExp) => (error: unknown): boolean => error instanceof AppError && error.code === "INVALID_INPUT" && words.test(error.message);

describe("a peer's answers", () => {
  it("are a time, a result, a name or an error, and nothing else", () => {
    for (const answer of [{ ms: 1.5 }, { elements: 3 }, { engine: "e 1.0" }, { error: "why" }]) assert.deepEqual(parseAnswer(JSON.stringify(answer)), answer);
    for (const line of ["", "Hi, looks like you are running in Node", "{}", '{"ms":-1}', '{"ms":"1"}', '{"ms":1,"error":"x"}', "[1]", '{"elements":1.5}', '{"engine":""}']) assert.throws(() => parseAnswer(line), refused(/expected one of/), line);
  });
});

/** Speaks the protocol without an engine: case "slow" takes 7 ms a unit, "result" is [1, 2], "dies" ends the process. */
const FAKE = `
process.stdout.write('{"engine":"fake 1"}\\n');
require("readline").createInterface(process.stdin).on("line", (line) => {
  const { case: name, count, output } = JSON.parse(line);
  if (name === "dies") { console.error("out of memory"); process.exit(3); }
  if (name === "unknown") return console.log('{"error":"not written for this engine"}');
  if (output) { require("fs").writeFileSync(output, new Float32Array([1, 2])); return console.log('{"elements":2}'); }
  console.log(JSON.stringify({ ms: 7 * count }));
});`;
const fake = (script: string) => PeerProcess.start({ name: "fake", command: process.execPath, args: ["-e", script] }, folder);
function running(peer: PeerProcess | string): PeerProcess {
  assert.ok(peer instanceof PeerProcess, String(peer));
  started.push(peer);
  return peer;
}

describe("a peer's process", () => {
  it("says what it is, times units and hands over results", async () => {
    const peer = running(await fake(FAKE));
    assert.deepEqual([peer.name, peer.title], ["fake", "fake 1"]);
    assert.equal(await peer.time("slow", 3), 21);
    assert.deepEqual(await peer.output("result"), new Float32Array([1, 2]));
    await assert.rejects(peer.time("unknown", 1), refused(/not written for this engine/));
    assert.equal(await peer.time("slow", 1), 7, "a refusal is not its end");
  });

  it("that dies refuses this and everything after it, in its last words", async () => {
    const peer = running(await fake(FAKE));
    await assert.rejects(peer.time("dies", 1), refused(/process ended: out of memory/));
    await assert.rejects(peer.output("result"), refused(/process ended: out of memory/));
  });

  it("that cannot start is a reason, not an error", async () => {
    assert.equal(await fake(`console.log('{"error":"no adapter"}')`), "no adapter");
    assert.match(String(await fake(`console.error("cannot find module"); process.exit(1)`)), /process ended: cannot find module/);
    assert.match(String(await PeerProcess.start({ name: "none", command: join(folder, "no such program"), args: [] }, folder)), /ENOENT/);
    assert.match(String(await fake(`console.log('{"ms":1}')`)), /began with/);
  });

  it("is installed by a command that the error names", () => {
    assert.throws(() => requirePeers(folder), refused(/run npm ci --prefix test\/bench\/peers/));
  });
});

describe("shared inputs", () => {
  it("are written as raw little-endian f32 beside their shapes and the settings", () => {
    writeInputs(folder, new Map([["net/conv1.weight", { shape: [2, 1], data: new Float32Array([0.5, -1]) }]]));
    const bytes = readFileSync(join(folder, "net/conv1.weight.f32"));
    assert.deepEqual([bytes.length, bytes.readFloatLE(0), bytes.readFloatLE(4)], [8, 0.5, -1]);
    assert.deepEqual(JSON.parse(readFileSync(join(folder, "inputs.json"), "utf8")), { settings: SETTINGS, tensors: { "net/conv1.weight": [2, 1] } });
  });
});

const caseOf = (name: string, excused?: Record<string, string>): ComparedCase => ({ name, title: name.toUpperCase(), flop: 1e9, ...(excused && { excused }) });

/** Takes `ms` per unit of any case; `log` sees each turn. */
function engineOf(name: string, ms: number | ((turn: number) => number), { result = [1, 2], log = [] as string[], refuses = [] as string[] } = {}): Engine {
  let turn = 0;
  return {
    name, title: `${name} 1.0`,
    async time(work, count) {
      log.push(`${name} ${work}×${count}`);
      if (refuses.includes(work)) throw cannot(name, work, "kernel not registered");
      return count * (typeof ms === "number" ? ms : ms(turn++));
    },
    output: async () => Float32Array.from(result),
    end: async () => undefined,
  };
}

describe("the comparison", () => {
  it("measures how far results are apart by the largest value, and never takes NaN for near", () => {
    assert.equal(differenceOf([1, -3], [1, -4]), 0.25);
    assert.equal(differenceOf([1, 2], [1, 2]), 0);
    assert.equal(differenceOf([1], [1, 2]), Infinity);
    assert.ok(Number.isNaN(differenceOf([NaN, 2], [1, 2])));
  });

  it("times nobody whose result is another, who refuses, or who is excused, and says why", async () => {
    const wrong = engineOf("wrong", 1, { result: [1, 2.1] });
    const nan = engineOf("nan", 1, { result: [1, NaN] });
    const near = engineOf("near", 1, { result: [1, 2.001] });
    const silent = engineOf("silent", 1, { refuses: ["a"] });
    const [race] = await prepareRaces([engineOf("lorenz", 1), wrong, nan, near, silent, engineOf("tfjs webgpu", 1)], [caseOf("a", { tfjs: "too slow" })]);
    assert.deepEqual(race!.lanes.map(({ engine, reason = "timed" }) => `${engine}: ${reason}`), [
      "lorenz: timed", "wrong: its result differs from Lorenz's by 0.050", "nan: its result differs from Lorenz's by NaN", "near: timed", "silent: kernel not registered", "tfjs webgpu: too slow",
    ]);
  });

  it("gives each engine its turn at each case in every round, after one unit to warm it up, and turns the order round in every second one", async () => {
    const log: string[] = [];
    const engines = [engineOf("lorenz", 10, { log }), engineOf("peer", 400, { log })] as [Engine, Engine];
    const races = await prepareRaces(engines, [caseOf("a"), caseOf("b")]);
    assert.equal(expectedMs(races, { rounds: 2 }), 2 * 2 * (20 * 10 + 400));
    log.length = 0;
    await runRaces(engines, races, { rounds: 2 });
    assert.deepEqual(log, ["lorenz a×1", "lorenz a×20", "peer a×1", "peer a×1", "lorenz b×1", "lorenz b×20", "peer b×1", "peer b×1", "peer a×1", "peer a×1", "lorenz a×1", "lorenz a×20", "peer b×1", "peer b×1", "lorenz b×1", "lorenz b×20"]);
    assert.deepEqual(races[0]!.lanes.map(({ samples }) => samples), [[10, 10], [400, 400]]);
  });

  it("lets slow work sit out the last rounds when told so", async () => {
    const engines = [engineOf("lorenz", 10), engineOf("peer", 3001)] as [Engine, Engine];
    const races = await prepareRaces(engines, [caseOf("a")]);
    assert.equal(expectedMs(races, { rounds: 3, slowRounds: 1 }), 3 * 200 + 3001);
    await runRaces(engines, races, { rounds: 3, slowRounds: 1 });
    assert.deepEqual(races[0]!.lanes.map(({ samples }) => samples), [[10, 10, 10], [3001, null, null]]);
  });

  it("forgets what a peer did before it failed", async () => {
    const failing = engineOf("peer", (turn) => { if (turn > 1) throw cannot("peer", "a", "device lost"); return 500; });
    const engines = [engineOf("lorenz", 10), failing] as [Engine, Engine];
    const races = await prepareRaces(engines, [caseOf("a")]);
    await runRaces(engines, races, { rounds: 3 });
    const [lorenz, peer] = races[0]!.lanes as [Lane, Lane];
    assert.equal(peer.reason, "device lost");
    assert.equal(ratioOf(peer, lorenz), undefined);
  });

  it("lets a mistake of our own through", async () => {
    const broken = { ...engineOf("peer", 1), output: () => Promise.reject(new TypeError("no such method")) };
    await assert.rejects(prepareRaces([engineOf("lorenz", 1), broken], [caseOf("a")]), TypeError);
  });

  it("pairs times round by round", () => {
    const lane = (samples: (number | null)[]): Lane => ({ engine: "e", difference: 0, warmMs: 1, count: 1, samples });
    assert.deepEqual(ratioOf(lane([10, 30, null, 80]), lane([10, 10, 10, 20])), { median: 3, min: 1, max: 4, n: 3 });
    assert.equal(ratioOf(lane([null]), lane([1])), undefined);
  });

  it("names engines, the absent and their reasons, and prints ratios, times, rates and differences", () => {
    const races: Race[] = [{
      case: caseOf("gemm"), lanes: [
        { engine: "lorenz", difference: 0, warmMs: 5, count: 1, samples: [5, 5] },
        { engine: "tfjs", difference: 1e-6, warmMs: 50, count: 1, samples: [50, 40] },
        { engine: "jax", difference: null, warmMs: 0, count: 0, samples: [null, null], reason: "no kernel" },
      ],
    }];
    const lines = comparisonLines({ rounds: 2, engines: { lorenz: "Lorenz 1", tfjs: "tfjs 4.22.0 webgpu" }, absent: { torch: "no python3" }, races }).map((line) => line.replace(/ {2,}/g, " | "));
    for (const line of ["tfjs: tfjs 4.22.0 webgpu", "torch: not here: no python3", "GEMM | 9.00 [8.00, 10.0] | –", "GEMM | 5.00 | 45.0 | –", "GEMM | 200 | 22.2 | –", "GEMM | 1.0e-6 | –", " | jax: no kernel (GEMM)"]) assert.ok(lines.includes(line), `${line} in\n${lines.join("\n")}`);
  });

  it("asks every peer for every case of its own, but ResNet-18 only of those that end within a minute", () => {
    assert.deepEqual(COMPARED.map(({ name }) => name), ["gemm", "conv-forward", "conv-grad-input", "conv-grad-weight", "small-cnn-forward", "small-cnn-pgd", "small-cnn-ig", "small-cnn-train", "resnet18-pgd", "resnet18-train"]);
    assert.deepEqual(COMPARED.filter(({ excused }) => excused).map(({ name, excused }) => [name, Object.keys(excused!)]), ["resnet18-pgd", "resnet18-train"].map((name) => [name, ["tfjs", "jax-js"]]));
  });

  it("counts the operations of the textbook", () => {
    const flop = new Map(COMPARED.map((each) => [each.name, each.flop / 1e9]));
    for (const [name, billions] of [["gemm", 0.268], ["conv-forward", 4.83], ["small-cnn-forward", 2.08], ["small-cnn-train", 6.25], ["small-cnn-pgd", 41.7], ["small-cnn-ig", 3.26], ["resnet18-train", 213], ["resnet18-pgd", 1422]] as const) {
      assert.ok(Math.abs(flop.get(name)! / billions - 1) < 0.005, `${name}: ${flop.get(name)}`);
    }
  });
});

it("the peers' own end of the protocol answers errors and unknown cases, and times the last result too", async () => {
  writeInputs(folder, new Map());
  const script = join(folder, "peer.mjs");
  writeFileSync(script, `import { serve } from ${JSON.stringify(new URL("../bench/peers/protocol.mjs", import.meta.url).href)};
    let released = 0;
    const work = { run: () => "r", wait: async () => undefined, release: () => { released++; }, output: async () => new Float32Array([released, 5]) };
    await serve(async () => ({ engine: "tiny 2", cases: { good: () => work, bad: () => { throw new Error("kernel not registered\\nstack"); } } }));`);
  const peer = running(await PeerProcess.start({ name: "tiny", command: process.execPath, args: [script, folder] }, folder));
  assert.equal(peer.title, "tiny 2");
  assert.ok(await peer.time("good", 3) >= 0);
  assert.deepEqual(await peer.output("good"), new Float32Array([3, 5]), "every result was released, the last one too");
  await assert.rejects(peer.time("bad", 1), refused(/^kernel not registered$/));
  await assert.rejects(peer.time("constructor", 1), refused(/not written for this engine/));
});
