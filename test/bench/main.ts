/** `npm run bench`: how fast Lorenz is on the adapter found. A report, never a gate: it fails only when something throws. */
import { writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";

import { systemClock } from "../../services/common/clock.ts";
import { loadConfig } from "../../services/common/config.ts";
import { AppError } from "../../services/common/errors.ts";
import { Gpu } from "../../services/engine/gpu/device.ts";
import { measureGflops } from "../../services/engine/gpu/measure.ts";
import { environmentOf } from "../../services/runner/environment.ts";
import { DeviceTuning, isTuningOn } from "../../services/runner/tuning.ts";
import { compare } from "./comparison/compare.ts";
import { requirePeers } from "./comparison/peers.ts";
import { comparisonLines } from "./comparison/report.ts";
import { effortOf, parseOptions } from "./options.ts";
import { benchOwn } from "./own.ts";
import { type Section, writeSection } from "./readme.ts";
import { breakdownLines, effortLine, type Head, headLines, ownLines, type Report } from "./report.ts";
import { growthLines, measureGrowth } from "./scaling/scale.ts";
import type { Meter } from "./timing.ts";

const SEED = 1n;
/** Of the comparison, unless told: fewer say little about a ratio. */
const ROUNDS = { full: 5, quick: 2 } as const;

const meter: Meter = { clock: systemClock, cores: cpus().length, cpuMs: processorMs };

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function print(lines: readonly string[]): void { console.log(`${lines.join("\n")}\n`); }

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  const { quick, breakdown, slowRounds, engine = "", rounds = quick ? ROUNDS.quick : ROUNDS.full } = options;
  const has = (part = ""): ((name: string) => boolean) => (name) => name.toLowerCase().includes(part.toLowerCase());
  const only = has(options.only);
  const effort = effortOf(options);
  const machine = { cpu: cpus()[0]?.model.trim() ?? "unknown", cores: cpus().length, memoryBytes: totalmem(), load: loadavg()[0]! };
  if (options.peers) requirePeers(); // before half an hour of other work
  const gpu = await Gpu.open();
  try {
    const { tuning: mode, cacheDir } = loadConfig();
    const tuner = new DeviceTuning(gpu, { mode, cacheDir });
    const head: Head = { version: 2, date: systemClock.nowIso(), environment: environmentOf(gpu, await measureGflops(gpu)), machine, tuned: isTuningOn(mode, gpu.adapter), effort, seed: SEED.toString() };
    print(headLines(head));
    const { software } = head.environment;
    const by = software ? "cpuMs" : "ms";
    let report: Report = head;
    const add = (section: Section, part: Partial<Report>, lines: readonly string[]): void => {
      report = { ...report, ...part };
      print(lines);
      if (options.readme) writeSection(section, [...headLines(head), "", ...lines]);
    };
    if (!options.withoutOwn) {
      const own = await benchOwn(gpu, { quick, breakdown, only, effort, meter, seed: SEED, tuner, clock: systemClock });
      add("own", { own }, [effortLine(effort), "", ...ownLines(own, software)]);
      for (const result of own.networks) if (result.breakdown) print(breakdownLines(result, by));
    }
    if (options.scaling) {
      const whole = { ...effort, longSamples: effort.rounds }; // a round fits only where all its sizes are there
      const scaling = await measureGrowth(gpu, tuner, only, whole, meter, by);
      add("scaling", { scaling }, [effortLine(whole), "", ...growthLines(scaling, by)]);
    }
    if (options.peers) {
      const peers = await compare(gpu, { rounds, ...(slowRounds !== undefined && { slowRounds }), only, engine: has(engine), seed: SEED, tuner, clock: systemClock, say: console.log });
      add("peers", { peers }, comparisonLines(peers));
    }
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  } finally { gpu.close(); }
}

await main().catch((error: unknown) => {
  console.error(error instanceof AppError ? `${error.code}: ${error.message}` : error);
  process.exitCode = 1;
});
