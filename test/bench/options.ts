import { parseArgs } from "node:util";

import { AppError } from "../../services/common/errors.ts";

export interface BenchOptions {
  /** Where to write the report as JSON too. */
  readonly json?: string;
  /** Write each part's tables into the README too. */
  readonly readme: boolean;
  readonly quick: boolean;
  /** Also time each launch of each network by itself. */
  readonly breakdown: boolean;
  /** Also time other engines, in turns with Lorenz. */
  readonly peers: boolean;
  /** Also time the same work at several sizes. */
  readonly scaling: boolean;
  /** Leave out the first part: Lorenz alone. */
  readonly withoutOwn: boolean;
  /** Only what has this in its name, whatever the case. */
  readonly only?: string;
  /** Only peers that have this in their name. */
  readonly engine?: string;
  /** Rounds of every part, instead of what `quick` says. */
  readonly rounds?: number;
  /** Rounds for a peer's cases that take longer than three seconds; default all. */
  readonly slowRounds?: number;
}

export const USAGE = "npm run bench -- [--peers] [--scaling] [--without-own] [--quick] [--breakdown] [--only TEXT] [--engine TEXT] [--rounds N] [--slow-rounds N] [--json FILE] [--readme]";

const FLAGS = { type: "boolean", default: false } as const;
const TEXT = { type: "string" } as const;

/** @throws AppError INVALID_INPUT naming the argument and how the command is used. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { json, only, engine, rounds, "slow-rounds": slowRounds, "without-own": withoutOwn, ...flags } = read(args);
  if (flags.readme && (only ?? engine) !== undefined) throw misused(args.join(" "), "--readme writes whole tables: not with --only or --engine");
  return {
    ...flags, withoutOwn,
    ...(json !== undefined && { json }), ...(only !== undefined && { only }), ...(engine !== undefined && { engine }),
    ...(rounds !== undefined && { rounds: positive("--rounds", rounds) }), ...(slowRounds !== undefined && { slowRounds: positive("--slow-rounds", slowRounds) }),
  };
}

function read(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: FLAGS, breakdown: FLAGS, peers: FLAGS, scaling: FLAGS, readme: FLAGS, "without-own": FLAGS,
        json: TEXT, only: TEXT, engine: TEXT, rounds: TEXT, "slow-rounds": TEXT,
      },
    }).values;
  } catch (cause) {
    throw misused(args.join(" "), (cause as Error).message, cause);
  }
}

function positive(name: string, text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw misused(`${name} ${text}`, "a count from 1 to 999");
}

function misused(got: string, why: string, cause?: unknown): AppError {
  return new AppError("INVALID_INPUT", `bench: expected ${USAGE}, got ${got} (${why})`, {}, { cause });
}

/** How long to measure. */
export interface Effort {
  /** Timed batches per case, interleaved with those of the others. */
  readonly rounds: number;
  /** Length of a batch; work that takes longer is a batch of one. */
  readonly batchMs: number;
  /** Work of which one unit takes longer is long. */
  readonly longMs: number;
  /** Samples of long work, if there are that many rounds. */
  readonly longSamples: number;
}

export function effortOf({ quick, rounds }: Pick<BenchOptions, "quick" | "rounds">): Effort {
  const effort = quick ? { rounds: 3, batchMs: 30, longMs: 1000, longSamples: 1 } : { rounds: 7, batchMs: 120, longMs: 1000, longSamples: 3 };
  return rounds === undefined ? effort : { ...effort, rounds, longSamples: rounds };
}
