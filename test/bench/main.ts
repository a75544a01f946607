/** `npm run bench`: how fast Lorenz is on the adapter found. A report, never a gate: it fails only when something throws. */
import { writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";

import { systemClock } from "../../services/common/clock.ts";
import { AppError } from "../../services/common/errors.ts";
import { Gpu } from "../../services/engine/gpu/device.ts";
import { measureGflops } from "../../services/engine/gpu/measure.ts";
import { environmentOf } from "../../services/runner/environment.ts";
import { breakDown } from "./breakdown.ts";
import { footprint } from "./footprint.ts";
import { type NetworkCase, smallCnnCases, tinyCnnCases } from "./networks.ts";
import { operatorCases } from "./operators.ts";
import { type BenchOptions, type Effort, effortOf, parseOptions } from "./options.ts";
import { RecordingSession } from "./recording-session.ts";
import { breakdownLines, headLines, networkLines, networkResult, type NetworkResult, operatorLines, operatorResult, type OperatorResult, type Report } from "./report.ts";
import { type Case, type Meter, timeCases, type Timing } from "./timing.ts";

const SEED = 1n;
/** A breakdown times dozens of launches: few rounds, which are sums of many anyway. */
const BREAKDOWN_EFFORT: Effort = { rounds: 3, batchMs: 40 };

const meter: Meter = { clock: systemClock, cores: cpus().length, cpuMs: processorMs };

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function print(lines: readonly string[]): void { console.log(`${lines.join("\n")}\n`); }

function wanted<C extends Case>(cases: readonly C[], { only = "" }: BenchOptions): C[] {
  return cases.filter(({ name }) => name.toLowerCase().includes(only.toLowerCase()));
}

async function benchOperators(gpu: Gpu, options: BenchOptions): Promise<OperatorResult[]> {
  const scope = gpu.scope("bench");
  try {
    const cases = wanted(await operatorCases(gpu, scope, SEED), options);
    const timings = await timeCases(cases, effortOf(options), meter);
    for (const each of cases) each.dispose();
    return [...timings].map(([each, timing]) => operatorResult(each, timing));
  } finally { scope.dispose(); }
}

async function benchNetworks(gpu: Gpu, options: BenchOptions): Promise<NetworkResult[]> {
  const session = new RecordingSession(gpu);
  try {
    const cases = wanted([...await smallCnnCases(session, SEED), ...await tinyCnnCases(session, SEED)], options);
    const timings = await timeCases(cases, effortOf(options), meter);
    const results: NetworkResult[] = [];
    for (const each of cases) results.push(await observe(gpu, session, each, timings.get(each)!, options));
    return results;
  } finally { session.dispose(); }
}

async function observe(gpu: Gpu, session: RecordingSession, each: NetworkCase, timing: Timing, { breakdown }: BenchOptions): Promise<NetworkResult> {
  const seen = await footprint(gpu, session, await each.batch(1));
  return networkResult(each, timing, seen.footprint, breakdown ? await breakDown(gpu, seen.launches, BREAKDOWN_EFFORT, meter) : undefined);
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  const machine = { cpu: cpus()[0]?.model.trim() ?? "unknown", cores: cpus().length, memoryBytes: totalmem(), load: loadavg()[0]! };
  const gpu = await Gpu.open();
  try {
    const head = { version: 1 as const, date: systemClock.nowIso(), environment: environmentOf(gpu, await measureGflops(gpu)), machine, effort: effortOf(options), seed: SEED.toString() };
    print(headLines(head));
    const operators = await benchOperators(gpu, options);
    if (operators.length > 0) print(operatorLines(operators));
    const networks = await benchNetworks(gpu, options);
    if (networks.length > 0) print(networkLines(networks));
    for (const result of networks) if (result.breakdown) print(breakdownLines(result, head.environment.software ? "cpuMs" : "ms"));
    const report: Report = { ...head, operators, networks };
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  } finally { gpu.close(); }
}

await main().catch((error: unknown) => {
  console.error(error instanceof AppError ? `${error.code}: ${error.message}` : error);
  process.exitCode = 1;
});
