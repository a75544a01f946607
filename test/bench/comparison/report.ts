import { median, type Summary, summarise } from "../statistics.ts";
import { table, three } from "../table.ts";
import type { Lane, Race } from "./rounds.ts";

/** What the comparison found; part of the JSON file. */
export interface Comparison {
  readonly rounds: number;
  /** What ran: by its name in the tables. */
  readonly engines: Readonly<Record<string, string>>;
  /** Peers that could not be started, and why. */
  readonly absent: Readonly<Record<string, string>>;
  readonly races: readonly Race[];
}

/** The peer's time over Lorenz's, round by round: above 1 Lorenz is the faster one, 0.5 is half the peer's speed. */
export function ratioOf(peer: Lane, lorenz: Lane): Summary | undefined {
  const ratios = peer.samples.flatMap((ms, round) => (ms === null || lorenz.samples[round] == null ? [] : [ms / lorenz.samples[round]]));
  return peer.reason !== undefined || ratios.length === 0 ? undefined : summarise(ratios);
}

export function comparisonLines({ rounds, engines, absent, races }: Comparison): string[] {
  const names = [...new Set(races.flatMap(({ lanes }) => lanes.map(({ engine }) => engine)))];
  const [lorenz, ...peers] = names;
  const row = (race: Race, some: readonly (string | undefined)[], cell: (lane: Lane) => string): string[] =>
    [race.case.title, ...some.map((name) => { const lane = race.lanes.find(({ engine }) => engine === name); return lane ? cell(lane) : "–"; })];
  return [
    `${rounds} rounds; in each, every engine does every case in turn while the others rest; every second round in the opposite order.`,
    ...Object.entries(engines).map(([name, title]) => `${name}: ${title}`),
    ...Object.entries(absent).map(([name, reason]) => `${name}: not here: ${reason}`),
    "tfjs and jax-js run on the same Dawn and driver, with the same naps between polls of the device as Lorenz (services/engine/gpu/poll.ts).",
    "",
    ...table(["time of the peer / time of Lorenz, paired: median [min, max]", ...peers], races.map((race) => row(race, peers, (lane) => ratioCell(lane, race.lanes[0]!)))),
    "",
    ...table(["ms, median", ...names], races.map((race) => row(race, names, ({ samples, reason }) => (reason === undefined ? three(median(taken(samples))) : "–")))),
    "",
    ...table(["GFLOP/s, median", ...names], races.map((race) => row(race, names, ({ samples, reason }) => (reason === undefined ? three(race.case.flop / median(taken(samples)) / 1e6) : "–")))),
    "",
    ...table([`largest difference from ${lorenz}'s result / its largest value`, ...peers], races.map((race) => row(race, peers, ({ difference }) => (difference === null ? "–" : difference.toExponential(1))))),
    ...reasons(races),
  ];
}

function ratioCell(lane: Lane, lorenz: Lane): string {
  const ratio = ratioOf(lane, lorenz);
  return ratio ? `${three(ratio.median)} [${three(ratio.min)}, ${three(ratio.max)}]` : "–";
}

function taken(samples: readonly (number | null)[]): number[] { return samples.filter((ms) => ms !== null); }

/** Each engine's silence once, with the cases it is about. */
function reasons(races: readonly Race[]): string[] {
  const byReason = new Map<string, string[]>();
  for (const { case: { title }, lanes } of races) {
    for (const { engine, reason } of lanes) {
      if (reason === undefined) continue;
      const key = `${engine}: ${reason}`;
      byReason.set(key, [...(byReason.get(key) ?? []), title]);
    }
  }
  return byReason.size === 0 ? [] : ["", "Not timed:", ...[...byReason].map(([reason, titles]) => `  ${reason} (${titles.join("; ")})`)];
}
