import { parseArgs } from "node:util";

import { AppError } from "../../services/common/errors.ts";

export interface BenchOptions {
  /** Where to write the report as JSON too. */
  readonly json?: string;
  readonly quick: boolean;
  /** Also time each launch of each network by itself. */
  readonly breakdown: boolean;
  /** Only what has this in its name, whatever the case. */
  readonly only?: string;
}

export const USAGE = "npm run bench -- [--quick] [--breakdown] [--only TEXT] [--json FILE]";

/** @throws AppError INVALID_INPUT naming the argument and how the command is used. */
export function parseOptions(args: readonly string[]): BenchOptions {
  try {
    const { values: { json, quick, breakdown, only } } = parseArgs({
      args: [...args],
      options: { json: { type: "string" }, quick: { type: "boolean", default: false }, breakdown: { type: "boolean", default: false }, only: { type: "string" } },
    });
    return { quick, breakdown, ...(json !== undefined && { json }), ...(only !== undefined && { only }) };
  } catch (cause) {
    throw new AppError("INVALID_INPUT", `bench: expected ${USAGE}, got ${args.join(" ")} (${(cause as Error).message})`, { args }, { cause });
  }
}

/** How long to measure. */
export interface Effort {
  /** Timed batches per case, interleaved with those of the others. */
  readonly rounds: number;
  /** Length of a batch; work that takes longer is a batch of one. */
  readonly batchMs: number;
}

export function effortOf({ quick }: BenchOptions): Effort { return quick ? { rounds: 3, batchMs: 30 } : { rounds: 7, batchMs: 120 }; }
