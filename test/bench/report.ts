import type { Environment } from "../../schema/jobs/runner-message.ts";
import type { Part } from "./breakdown.ts";
import type { Footprint } from "./footprint.ts";
import type { Effort } from "./options.ts";
import { rateOf, scaled, type Summary } from "./statistics.ts";
import { mebibytes, table, three } from "./table.ts";
import type { Timing } from "./timing.ts";

/** What the benchmark found; the JSON file is exactly this. */
export interface Report {
  readonly version: 1;
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly environment: Environment;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryBytes: number; /** Load average of the last minute, before the start. */ readonly load: number };
  readonly effort: Effort;
  /** Decimal: of random operands, weights and images. */
  readonly seed: string;
  readonly operators: readonly OperatorResult[];
  readonly networks: readonly NetworkResult[];
}

export interface OperatorResult extends Timing {
  readonly name: string;
  readonly unit: "GFLOP/s" | "GB/s";
  /** Operations or bytes per run. */
  readonly work: number;
  readonly rate: Summary;
}

export interface NetworkResult extends Timing {
  readonly name: string;
  readonly network: string;
  readonly images: number;
  readonly flop: number;
  readonly imagesPerSecond: Summary;
  readonly gflops: Summary;
  readonly footprint: Footprint;
  readonly breakdown?: readonly Part[];
}

export function operatorResult({ name, unit, work }: Pick<OperatorResult, "name" | "unit" | "work">, { ms, cpuMs }: Timing): OperatorResult {
  return { name, unit, work, ms, cpuMs, rate: scaled(rateOf(work, ms), 1e-9) };
}

export function networkResult({ name, network, images, flop }: Pick<NetworkResult, "name" | "network" | "images" | "flop">, { ms, cpuMs }: Timing, footprint: Footprint, breakdown?: readonly Part[]): NetworkResult {
  return { name, network, images, flop, ms, cpuMs, imagesPerSecond: rateOf(images, ms), gflops: scaled(rateOf(flop, ms), 1e-9), footprint, ...(breakdown && { breakdown }) };
}

export function headLines({ environment: e, machine, effort, date, seed }: Omit<Report, "operators" | "networks">): string[] {
  return [
    `Lorenz ${e.code}, ${date}, seed ${seed}`,
    `Adapter   ${e.adapterKind}: ${e.adapter || e.vendor}${e.software ? " (software)" : ""}, kernels ${e.kernelFamily}${e.measuredGflops === null ? "" : `, ${three(e.measuredGflops)} GFLOP/s on a small product`}`,
    `Software  ${e.dawn}, Node ${e.node}, ${e.platform}`,
    `Machine   ${machine.cores} × ${machine.cpu}, ${Math.round(machine.memoryBytes / 2 ** 30)} GiB, load ${machine.load.toFixed(1)}`,
    `Medians of ${effort.rounds} interleaved rounds after a warm-up. cpu: processor time of this process per core, which other jobs disturb less.`,
  ];
}

export function operatorLines(results: readonly OperatorResult[]): string[] {
  return table(
    ["operator", "ms", "min", "max", "cpu", "rate", "lowest", "best", ""],
    results.map(({ name, unit, ms, cpuMs, rate }) => [name, ...spread(ms), three(cpuMs.median), ...spread(rate), unit]),
  );
}

export function networkLines(results: readonly NetworkResult[]): string[] {
  return [
    ...table(
      ["network", "ms", "min", "max", "cpu", "images/s", "lowest", "best", "GFLOP/s"],
      results.map(({ name, ms, cpuMs, imagesPerSecond, gflops }) => [name, ...spread(ms), three(cpuMs.median), ...spread(imagesPerSecond), three(gflops.median)]),
    ),
    "",
    ...table(
      ["per step or call", "launches", "copies", "command buffers", "objects made", "workspace MiB", "buffers MiB", "host ms"],
      results.map(({ name, footprint: f }) => [name, ...[f.dispatches, f.copies, f.commandBuffers, f.objectsCreated].map(String), mebibytes(f.workspaceBytes), mebibytes(f.bufferBytes), three(f.hostMs)]),
    ),
  ];
}

/** Parts below this share of the sum go into one line. */
const SMALL = 0.005;

export function breakdownLines({ name, ms, cpuMs, breakdown = [] }: NetworkResult): string[] {
  const total = (part: Part, which: keyof Timing = "ms"): number => part.count * part.timing[which].median;
  const sum = (parts: readonly Part[], which: keyof Timing): number => parts.reduce((all, part) => all + total(part, which), 0);
  const whole = sum(breakdown, "ms");
  const rest = breakdown.filter((part) => total(part) < SMALL * whole);
  const share = (part: number): string => `${((100 * part) / whole).toFixed(1)} %`;
  return table([`${name}: ms by launch`, "count", "each", "total", "cpu", "share"], [
    ...breakdown.filter((part) => !rest.includes(part)).map((part) => [part.name, String(part.count), three(part.timing.ms.median), three(total(part)), three(total(part, "cpuMs")), share(total(part))]),
    ...(rest.length > 0 ? [[`${rest.length} others`, String(rest.reduce((n, { count }) => n + count, 0)), "", three(sum(rest, "ms")), three(sum(rest, "cpuMs")), share(sum(rest, "ms"))]] : []),
    ["sum of the parts", "", "", three(whole), three(sum(breakdown, "cpuMs")), ""],
    ["the whole, timed", "", "", three(ms.median), three(cpuMs.median), ""],
  ]);
}

function spread({ median, min, max }: Summary): string[] { return [median, min, max].map(three); }
