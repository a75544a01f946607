import type { Clock } from "../../services/common/clock.ts";
import type { Effort } from "./options.ts";
import { type Summary, summarise } from "./statistics.ts";

/** One thing to time. */
export interface Case {
  readonly name: string;
  /** Makes a batch of `count` units of work ready; calling the result does them all and waits for the device. */
  batch(count: number): Promise<() => Promise<void>>;
}

/** Time per unit of work. */
export interface Timing {
  readonly ms: Summary;
  /**
   * Processor time of this whole process, divided by the number of cores. On a software adapter it is what the work takes
   * when the cores are free: on a busy machine it says more than `ms`. On a GPU it is the cost to the host.
   */
  readonly cpuMs: Summary;
}

export interface Meter {
  readonly clock: Clock;
  /** Processor time that this process has used, in ms. */
  cpuMs(): number;
  readonly cores: number;
}

/** A batch longer than this tells nothing more. */
const MOST_UNITS = 1000;

/**
 * Times every case in each round, so that a slow minute of the machine falls on all of them. Before the first round each
 * case runs twice: once to compile (software adapters do it at the first dispatch), once to see how long it takes.
 */
export async function timeCases<C extends Case>(cases: readonly C[], { rounds, batchMs }: Effort, meter: Meter): Promise<Map<C, Timing>> {
  const ready = new Map<C, { run: () => Promise<void>; count: number }>();
  for (const each of cases) {
    const once = await each.batch(1);
    await once();
    const count = unitsFor((await timed(once, meter)).ms, batchMs);
    ready.set(each, { count, run: count === 1 ? once : await each.batch(count) });
  }
  const samples = new Map(cases.map((each) => [each, [] as { ms: number; cpuMs: number }[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [each, { run, count }] of ready) {
      const { ms, cpuMs } = await timed(run, meter);
      samples.get(each)!.push({ ms: ms / count, cpuMs: cpuMs / count / meter.cores });
    }
  }
  return new Map([...samples].map(([each, taken]) => [each, { ms: summarise(taken.map(({ ms }) => ms)), cpuMs: summarise(taken.map(({ cpuMs }) => cpuMs)) }]));
}

/** How many units make a batch of `batchMs` when one takes `ms`. */
export function unitsFor(ms: number, batchMs: number): number {
  return Math.min(MOST_UNITS, Math.max(1, Math.round(batchMs / Math.max(ms, 1e-3))));
}

async function timed(work: () => Promise<void>, { clock, cpuMs }: Meter): Promise<{ ms: number; cpuMs: number }> {
  const [start, cpuStart] = [clock.monotonic(), cpuMs()];
  await work();
  return { ms: clock.monotonic() - start, cpuMs: cpuMs() - cpuStart };
}
