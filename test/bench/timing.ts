import type { Clock } from "../../services/common/clock.ts";
import type { Effort } from "./options.ts";
import { type Summary, summarise } from "./statistics.ts";

/** One thing to time. */
export interface Case {
  readonly name: string;
  /** Makes a batch of `count` units of work ready; calling the result does them all and waits for the device. */
  batch(count: number): Promise<() => Promise<void>>;
}

/** One measurement, per unit of work. */
export interface Sample {
  readonly ms: number;
  /**
   * Processor time of this whole process, divided by the number of cores. On a software adapter it is what the work takes
   * when the cores are free: on a busy machine it says more than `ms`. On a GPU it is the cost to the host.
   */
  readonly cpuMs: number;
}

/** The samples of one case, each by itself. */
export type Timing = Readonly<Record<keyof Sample, Summary>>;

export interface Meter {
  readonly clock: Clock;
  /** Processor time that this process has used, in ms. */
  cpuMs(): number;
  readonly cores: number;
}

/** A batch longer than this tells nothing more. */
const MOST_UNITS = 1000;

export async function timeCases<C extends Case>(cases: readonly C[], effort: Effort, meter: Meter, watch?: Watch<C>): Promise<Map<C, Timing>> {
  return new Map([...await sampleCases(cases, effort, meter, watch)].map(([each, samples]) => [each, summariseSamples(samples)]));
}

/** Runs one unit of a case and may look at what it does. */
export type Watch<C> = (each: C, run: () => Promise<void>) => Promise<void>;

/**
 * Times every case in each round, so that a slow minute of the machine falls on all of them. Before the first round each
 * case runs twice: once to compile (software adapters do it at the first dispatch), once to see how long it takes. What
 * takes long has had its first sample then, and sits out the last rounds.
 */
export async function sampleCases<C extends Case>(cases: readonly C[], effort: Effort, meter: Meter, watch: Watch<C> = (_, run) => run()): Promise<Map<C, Sample[]>> {
  const { rounds, batchMs, longMs, longSamples } = effort;
  const ready: { run: () => Promise<void>; count: number; wanted: number; samples: Sample[] }[] = [];
  for (const each of cases) {
    const once = await each.batch(1);
    await once();
    const seen = await timed(() => watch(each, once), 1, meter);
    const isLong = seen.ms > longMs;
    const count = isLong ? 1 : unitsFor(seen.ms, batchMs);
    ready.push({ count, run: count === 1 ? once : await each.batch(count), wanted: isLong ? Math.min(rounds, longSamples) : rounds, samples: isLong ? [seen] : [] });
  }
  for (let round = 0; round < rounds; round++) {
    for (const { run, count, wanted, samples } of ready) if (samples.length < wanted) samples.push(await timed(run, count, meter));
  }
  return new Map(cases.map((each, i) => [each, ready[i]!.samples]));
}

export function summariseSamples(samples: readonly Sample[]): Timing {
  return { ms: summarise(samples.map(({ ms }) => ms)), cpuMs: summarise(samples.map(({ cpuMs }) => cpuMs)) };
}

/** How many units make a batch of `batchMs` when one takes `ms`. */
export function unitsFor(ms: number, batchMs: number): number {
  return Math.min(MOST_UNITS, Math.max(1, Math.round(batchMs / Math.max(ms, 1e-3))));
}

async function timed(work: () => Promise<void>, count: number, { clock, cpuMs, cores }: Meter): Promise<Sample> {
  const [start, cpuStart] = [clock.monotonic(), cpuMs()];
  await work();
  return { ms: (clock.monotonic() - start) / count, cpuMs: (cpuMs() - cpuStart) / count / cores };
}
