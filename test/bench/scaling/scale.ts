import type { Gpu } from "../../../services/engine/gpu/device.ts";
import type { Tuner } from "../../../services/engine/tune/tune.ts";
import { Session } from "../../../services/lab/session.ts";
import type { Effort } from "../options.ts";
import { fitExponent, median, type Summary, summarise } from "../statistics.ts";
import { table, three } from "../table.ts";
import { type Meter, type Sample, sampleCases, summariseSamples, type Timing } from "../timing.ts";
import { pointsOf, SERIES } from "./series.ts";

/** How the cost of one kind of work grows; part of the JSON file. */
export interface Growth {
  readonly work: string;
  readonly variable: string;
  readonly points: readonly (Timing & { readonly value: number })[];
  /** p of cost ≈ c·valueᵖ: fitted to the medians, and to each round by itself for its range. */
  readonly exponent: Summary;
}

/** @param only whether a series is wanted, by its name. @param by which time is fitted: "cpuMs" on software adapters, "ms" on others. */
export async function measureGrowth(gpu: Gpu, tuner: Tuner, only: (name: string) => boolean, effort: Effort, meter: Meter, by: keyof Sample): Promise<Growth[]> {
  const growths: Growth[] = [];
  for (const series of SERIES.filter(({ work, variable }) => only(`${work}, ${variable}`))) {
    const session = new Session(gpu, { tuner });
    try {
      const points = await pointsOf(series, session);
      const samples = await sampleCases(points, effort, meter);
      growths.push(growthOf(series, points.map((point) => ({ value: point.value, samples: samples.get(point)! })), by));
    } finally { session.dispose(); }
  }
  return growths;
}

export function growthOf({ work, variable }: Pick<Growth, "work" | "variable">, points: readonly { value: number; samples: readonly Sample[] }[], by: keyof Sample): Growth {
  const values = points.map(({ value }) => value);
  const rounds = Math.min(...points.map(({ samples }) => samples.length)); // long work sits out some
  const perRound = Array.from({ length: rounds }, (_, round) => fitExponent(values, points.map(({ samples }) => samples[round]![by])));
  const fitted = fitExponent(values, points.map(({ samples }) => median(samples.map((sample) => sample[by]))));
  return { work, variable, points: points.map(({ value, samples }) => ({ value, ...summariseSamples(samples) })), exponent: { ...summarise(perRound), median: fitted } };
}

export function growthLines(growths: readonly Growth[], by: keyof Sample): string[] {
  const cost = by === "ms" ? "ms" : "cpu";
  return [
    ...table(["work", "grows with", "from", "to", "exponent", "lowest", "highest"], growths.map(({ work, variable, points, exponent: { median: fitted, min, max } }) =>
      [work, variable, String(points[0]!.value), String(points.at(-1)!.value), ...[fitted, min, max].map((p) => p.toFixed(2))])),
    `Exponent p of ${cost} ≈ c·xᵖ by least squares over logarithms: of the medians, and its range over the rounds.`,
    "",
    ...table(["work", "grows with", `value: ${cost}`], growths.map(({ work, variable, points }) => [work, variable, points.map(({ value, [by]: time }) => `${value}: ${three(time.median)}`).join("  ")])),
  ];
}
