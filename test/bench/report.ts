import type { Environment } from "../../schema/jobs/runner-message.ts";
import type { Part } from "./breakdown.ts";
import type { Comparison } from "./comparison/report.ts";
import type { FirstResult } from "./first-result.ts";
import type { Footprint } from "./footprint.ts";
import type { Effort } from "./options.ts";
import type { Growth } from "./scaling/scale.ts";
import { rateOf, scaled, type Summary } from "./statistics.ts";
import { mebibytes, table, three } from "./table.ts";
import type { Timing } from "./timing.ts";

/** What the benchmark found; the JSON file is exactly this. A part that did not run is absent. */
export interface Report extends Head {
  readonly own?: OwnReport;
  readonly peers?: Comparison;
  readonly scaling?: readonly Growth[];
}

/** Where, when and how. */
export interface Head {
  readonly version: 2;
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly environment: Environment;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryBytes: number; /** Load average of the last minute, before the start. */ readonly load: number };
  /** Whether kernels were chosen by trials on this adapter; else they are the documented defaults. */
  readonly tuned: boolean;
  readonly effort: Effort;
  /** Decimal: of random operands, weights and images. */
  readonly seed: string;
}

/** Lorenz alone. */
export interface OwnReport {
  /** What operators are measured by. */
  readonly peaks: readonly OperatorResult[];
  readonly operators: readonly OperatorResult[];
  readonly networks: readonly NetworkResult[];
  /** Absent when a filter was given. */
  readonly firstResult?: FirstResult;
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

export function headLines({ environment: e, machine, tuned, date, seed }: Head): string[] {
  return [
    `Lorenz ${e.code}, ${date}, seed ${seed}`,
    `Adapter   ${e.adapterKind}: ${e.adapter || e.vendor}${e.software ? " (software)" : ""}, kernels ${e.kernelFamily}, ${tuned ? "tuned" : "not tuned"}${e.measuredGflops === null ? "" : `, ${three(e.measuredGflops)} GFLOP/s on a small product`}`,
    `Software  ${e.dawn}, Node ${e.node}, ${e.platform}`,
    `Machine   ${machine.cores} × ${machine.cpu}, ${Math.round(machine.memoryBytes / 2 ** 30)} GiB, load ${machine.load.toFixed(1)}`,
  ];
}

/** How times were taken. */
export function effortLine({ rounds, longMs, longSamples }: Effort): string {
  const long = longSamples < rounds ? `, of ${longSamples} where a unit takes over ${longMs / 1000} s` : "";
  return `Medians of ${rounds} interleaved rounds${long}, after a warm-up. cpu: processor time of this process per core; other jobs disturb it less than ms.`;
}

export function ownLines({ peaks, operators, networks, firstResult }: OwnReport, software: boolean): string[] {
  return [
    ...(operators.length > 0 ? [...operatorLines(operators, peaks), ...peakNote(software), ""] : []),
    ...(networks.length > 0 ? [...networkLines(networks), ""] : []),
    ...(firstResult ? firstResultLines(firstResult) : []),
  ];
}

export function operatorLines(results: readonly OperatorResult[], peaks: readonly OperatorResult[]): string[] {
  const share = ({ unit, rate }: OperatorResult): string => `${((100 * rate.median) / peaks.find((peak) => peak.unit === unit)!.rate.median).toFixed(0)} %`;
  return table(
    ["operator", "ms", "min", "max", "cpu", "rate", "lowest", "best", "by cpu", "", "of peak"],
    [...peaks, ...results].map((result) => {
      const { name, unit, work, ms, cpuMs, rate } = result;
      return [name, ...spread(ms), three(cpuMs.median), ...spread(rate), billions(work, cpuMs), unit, share(result)];
    }),
  );
}

function peakNote(software: boolean): string[] {
  return [
    `of peak: GFLOP/s as a share of the adapter's peak, measured in the same rounds by a kernel that multiplies and adds in registers only${software ? " (a software adapter has no fused multiply-add: it multiplies, then adds)" : ""};`,
    "GB/s, counting each operand once, as a share of a copy between buffers. Convolutions go from buffer to buffer: where a kernel reads textures, filling them is included.",
  ];
}

export function firstResultLines({ cold, warm }: FirstResult): string[] {
  return table(["first result: start of a process to the end of small-cnn's first training step", "ms", "min", "max", "processes"], [
    ["cold: caches of driver and Lorenz empty", ...spread(cold), String(cold.n)],
    ["warm", ...spread(warm), String(warm.n)],
  ]);
}

export function networkLines(results: readonly NetworkResult[]): string[] {
  return [
    ...table(
      ["network", "ms", "min", "max", "cpu", "images/s", "lowest", "best", "GFLOP/s", "by cpu"],
      results.map(({ name, flop, ms, cpuMs, imagesPerSecond, gflops }) => [name, ...spread(ms), three(cpuMs.median), ...spread(imagesPerSecond), three(gflops.median), billions(flop, cpuMs)]),
    ),
    "",
    ...table(
      ["per step or call", "launches", "copies", "command buffers", "objects used", "objects made", "workspace MiB", "MiB in all", "host ms", "of ms"],
      results.map(({ name, ms, footprint: f }) => [name, ...[f.dispatches, f.copies, f.commandBuffers, f.objects, f.objectsCreated].map(String), mebibytes(f.workspaceBytes), mebibytes(f.bytes), three(f.hostMs), `${((100 * f.hostMs) / ms.median).toFixed(1)} %`]),
    ),
  ];
}

/** Parts below this share of the sum go into one line. */
const SMALL = 0.005;

/** Largest part first. @param by which time decides what is large: "cpuMs" on software adapters, "ms" on others. */
export function breakdownLines({ name, ms, cpuMs, breakdown = [] }: NetworkResult, by: keyof Timing): string[] {
  const total = (part: Part, which: keyof Timing): number => part.count * part.timing[which].median;
  const sum = (parts: readonly Part[], which: keyof Timing): number => parts.reduce((all, part) => all + total(part, which), 0);
  const whole = sum(breakdown, by);
  const cells = (parts: readonly Part[]): string[] => [three(sum(parts, "ms")), three(sum(parts, "cpuMs")), `${((100 * sum(parts, by)) / whole).toFixed(1)} %`];
  const sorted = [...breakdown].sort((a, b) => total(b, by) - total(a, by));
  const large = sorted.filter((part) => total(part, by) >= SMALL * whole);
  const rest = sorted.slice(large.length);
  return table([`${name}: by launch`, "count", "ms each", "ms", "cpu", `share of ${by === "ms" ? "ms" : "cpu"}`], [
    ...large.map((part) => [part.name, String(part.count), three(part.timing.ms.median), ...cells([part])]),
    ...(rest.length > 0 ? [[`${rest.length} others`, String(rest.reduce((n, { count }) => n + count, 0)), "", ...cells(rest)]] : []),
    ["sum of the parts", "", "", ...cells(breakdown).slice(0, 2), ""],
    ["the whole, timed", "", "", three(ms.median), three(cpuMs.median), ""],
  ]);
}

function spread({ median, min, max }: Summary): string[] { return [median, min, max].map(three); }

function billions(work: number, cpuMs: Summary): string { return three(rateOf(work, cpuMs).median / 1e9); }
