import { AppError } from "../../../services/common/errors.ts";
import { unitsFor } from "../timing.ts";
import { type ComparedCase, excuseOf } from "./cases.ts";
import type { Engine } from "./engine.ts";

/** One engine on one case. */
export interface Lane {
  readonly engine: string;
  /** How far its result is from Lorenz's (differenceOf); null when it gave none. */
  readonly difference: number | null;
  /** Of the unit after the first, which compiled. */
  readonly warmMs: number;
  /** Units per round. */
  readonly count: number;
  /** ms per unit in each round; null in rounds that it sat out. */
  readonly samples: (number | null)[];
  /** Why it is not timed; whatever it did before does not count then. */
  reason?: string;
}

/** All engines on one case, Lorenz first. */
export interface Race { readonly case: ComparedCase; readonly lanes: readonly Lane[] }

export interface RaceEffort {
  readonly rounds: number;
  /** Rounds of slow lanes; default all. */
  readonly slowRounds?: number;
}

/** Length of one engine's turn; work that takes longer is one unit. */
const TURN_MS = 200;
/** A lane whose unit takes longer is slow. */
const SLOW_MS = 3000;
/** A result further from Lorenz's than this is another result, and its time says nothing. */
const MOST_DIFFERENT = 0.01;

/**
 * Lets every engine do every case once and compares the results, then once more to see how long it takes.
 *
 * @param engines Lorenz first: the others are compared with it, and it has no excuse.
 * @param onRace told after each case.
 */
export async function prepareRaces([lorenz, ...peers]: readonly [Engine, ...Engine[]], cases: readonly ComparedCase[], onRace: (race: Race) => void = () => undefined): Promise<Race[]> {
  const races: Race[] = [];
  for (const each of cases) {
    const truth = await lorenz.output(each.name);
    const lanes = [await warmLane(lorenz, each, 0)];
    for (const peer of peers) lanes.push(await peerLane(peer, each, truth));
    const race = { case: each, lanes };
    races.push(race);
    onRace(race);
  }
  return races;
}

async function peerLane(peer: Engine, each: ComparedCase, truth: Float32Array): Promise<Lane> {
  const refused = (reason: string, difference: number | null = null): Lane => ({ engine: peer.name, difference, warmMs: 0, count: 0, samples: [], reason });
  const excuse = excuseOf(each, peer.name);
  if (excuse !== undefined) return refused(excuse);
  try {
    const difference = differenceOf(await peer.output(each.name), truth);
    if (!(difference <= MOST_DIFFERENT)) return refused(`its result differs from Lorenz's by ${difference.toPrecision(2)}`, difference);
    return await warmLane(peer, each, difference);
  } catch (error) {
    return refused(reasonOf(error));
  }
}

async function warmLane(engine: Engine, { name }: ComparedCase, difference: number): Promise<Lane> {
  const warmMs = await engine.time(name, 1);
  return { engine: engine.name, difference, warmMs, count: unitsFor(warmMs, TURN_MS), samples: [] };
}

/** max |a − b| / max |b|. Infinity when the lengths differ; NaN, which no bound admits, when a value is none. */
export function differenceOf(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let [apart, largest] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    apart = Math.max(apart, Math.abs(a[i]! - b[i]!));
    largest = Math.max(largest, Math.abs(b[i]!));
  }
  return apart / largest;
}

/** What the rounds will take, by the timings before them. */
export function expectedMs(races: readonly Race[], effort: RaceEffort): number {
  return races.flatMap(({ lanes }) => lanes).reduce((sum, lane) => sum + roundsOf(lane, effort) * lane.count * lane.warmMs, 0);
}

/**
 * In each round every engine does its units of every case, one after the other while the others rest; every second round in
 * the opposite order. One unit more goes before, untimed, unless it is slow.
 */
export async function runRaces(engines: readonly Engine[], races: readonly Race[], effort: RaceEffort): Promise<void> {
  for (let round = 0; round < effort.rounds; round++) {
    for (const { case: { name }, lanes } of races) {
      for (const lane of round % 2 === 0 ? lanes : [...lanes].reverse()) {
        const runs = round < roundsOf(lane, effort);
        lane.samples.push(runs ? await sample(engines.find((engine) => engine.name === lane.engine)!, name, lane) : null);
      }
    }
  }
}

async function sample(engine: Engine, name: string, lane: Lane): Promise<number | null> {
  try {
    if (lane.warmMs <= SLOW_MS) await engine.time(name, 1); // its caches, and maybe its pages, went to the others while it rested
    return await engine.time(name, lane.count) / lane.count;
  } catch (error) {
    lane.reason = reasonOf(error);
    return null;
  }
}

function roundsOf({ reason, warmMs }: Lane, { rounds, slowRounds = rounds }: RaceEffort): number {
  if (reason !== undefined) return 0;
  return warmMs > SLOW_MS ? Math.min(rounds, slowRounds) : rounds;
}

function reasonOf(error: unknown): string {
  if (error instanceof AppError && error.code === "INVALID_INPUT") return error.message;
  throw error;
}
