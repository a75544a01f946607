import { type Clock, systemClock } from "../../common/clock.ts";
import { logger } from "../../common/log.ts";
import { EngineError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Graph } from "../graph/graph.ts";
import { withBatch } from "../kernels/conv/geometry.ts";
import { type ConvVariant, variantsOf } from "../kernels/conv/variants.ts";
import { shapeClass } from "./shape-class.ts";
import { GpuTrial, type Trial, trialBatch } from "./trial.ts";
import { isAbout, type Verdict, type Verdicts } from "./verdict.ts";
import type { Work } from "./work.ts";

/** Where variants are tried: a device, or in tests something that only acts like one. */
export interface Bench {
  readonly software: boolean;
  /** The default first. */
  candidates(work: Work): readonly ConvVariant[];
  trial(work: Work): Trial;
}

export function benchOf(gpu: Gpu, clock: Clock = systemClock): Bench {
  const { family, adapter: { software } } = gpu;
  return {
    software,
    candidates: (work) => variantsOf(family, work.operation, sized(work, software).geometry),
    trial: (work) => new GpuTrial(gpu, clock, sized(work, software)),
  };
}

/** On the batch that variants are compared on. */
function sized({ operation, geometry }: Work, software: boolean): Work {
  return { operation, geometry: withBatch(geometry, trialBatch(geometry, software)) };
}

export interface TuneOptions {
  /** Looked at between two dispatches. */
  readonly signal?: AbortSignal;
  /** Shape classes; called before the first and after each, and never when there is nothing to do. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Finds the fastest kernels for a network before it is compiled, if they are wanted and not known yet. */
export interface Tuner { tune(graph: Graph, options: TuneOptions & { readonly training: boolean }): Promise<void> }

/**
 * A software adapter compiles on the CPU, anew for every process without a disk cache: a variant that takes longer than
 * this to its first result is not worth its speed. Includes one execution, which takes milliseconds.
 */
const SLOW_START_MS = 2000;
const ROUNDS = 5;
/** One timing lasts about this long: much longer than the naps between polls (gpu/poll.ts). */
const ROUND_MS = 10;
/** What takes so many times as long as the fastest in one execution is not timed again. */
const HOPELESS = 3;
/** Another than the default must be faster by this share: less is noise, and not worth other bits. */
const MARGIN = 0.05;
/** A compiler's messages can be long, and this is kept in a file. */
const REASON_LENGTH = 500;

/**
 * Finds the fastest variant for every shape class of `work` that has no verdict yet. Each candidate is compared with the
 * f64 twin before it is trusted; one that is wrong, does not compile, or compiles too slowly on a software adapter is
 * refused with a warning.
 *
 * @param verdicts gets each new one as soon as it is there.
 * @throws the signal's reason; EngineError GPU_FAULT when no candidate of a class is right.
 */
export async function tune(bench: Bench, work: readonly Work[], verdicts: Map<string, Verdict>, { signal, onProgress = () => undefined }: TuneOptions = {}): Promise<void> {
  const open = undecided(bench, work, verdicts);
  let done = 0;
  if (open.size > 0) onProgress(done, open.size);
  for (const [shape, each] of open) {
    signal?.throwIfAborted();
    const trial = bench.trial(each);
    try {
      verdicts.set(shape, await judge(trial, shape, bench.candidates(each), bench.software, signal));
    } finally { trial.dispose(); }
    onProgress(++done, open.size);
  }
}

/** One piece of work of each shape class that leaves a choice and has no verdict about it. */
function undecided(bench: Bench, work: readonly Work[], verdicts: Verdicts): Map<string, Work> {
  const open = new Map<string, Work>();
  for (const each of work) {
    const names = bench.candidates(each).map(({ name }) => name);
    const shape = shapeClass(each.operation, each.geometry);
    const verdict = verdicts.get(shape);
    if (names.length > 1 && !(verdict && isAbout(verdict, names))) open.set(shape, each);
  }
  return open;
}

async function judge(trial: Trial, shape: string, candidates: readonly ConvVariant[], software: boolean, signal: AbortSignal | undefined): Promise<Verdict> {
  const refused: Record<string, string> = {};
  const right: ConvVariant[] = [];
  for (const variant of candidates) {
    signal?.throwIfAborted();
    const reason = await reasonAgainst(trial, variant, software && variant !== candidates[0]);
    if (reason === undefined) right.push(variant);
    else {
      refused[variant.name] = reason.slice(0, REASON_LENGTH);
      logger("tuning").warn({ shape, variant: variant.name, reason }, `${shape}: refused ${variant.name}`);
    }
  }
  const [first, ...others] = right;
  if (!first) throw new EngineError("GPU_FAULT", `tuning ${shape}: expected a variant that agrees with the reference, got none; update the adapter's driver`, { shape, refused });
  return { ...(await race(trial, first, others, signal)), refused };
}

async function reasonAgainst(trial: Trial, variant: ConvVariant, mustStartFast: boolean): Promise<string | undefined> {
  try {
    const { ms, wrong } = await trial.attempt(variant);
    return wrong ?? (mustStartFast && ms > SLOW_START_MS ? `takes ${(ms / 1000).toFixed(1)} s to compile` : undefined);
  } catch (error) {
    if (error instanceof EngineError && error.code === "SHADER_INVALID") return error.message;
    throw error;
  }
}

/**
 * Times all in turn, so that what else the machine does slows all of them. One is faster than the first if it is so in the
 * median of the rounds, compared within each, and in the best round of either, which is the one least disturbed.
 */
async function race(trial: Trial, first: ConvVariant, others: readonly ConvVariant[], signal: AbortSignal | undefined): Promise<Omit<Verdict, "refused">> {
  const ms: Record<string, number> = {};
  for (const { name } of [first, ...others]) ms[name] = await trial.time(name, 1);
  const fastest = Math.min(...Object.values(ms));
  const rivals = others.filter(({ name }) => ms[name]! <= HOPELESS * fastest);
  const times = Math.max(1, Math.ceil(ROUND_MS / Math.max(fastest, ROUND_MS / 1000)));
  const rounds = await timed(trial, [first, ...rivals], rivals.length > 0 ? ROUNDS : 0, times, signal);
  let best: { faster: string | null; ratio: number } = { faster: null, ratio: 1 - MARGIN };
  for (const { name } of rivals) {
    const typical = median(rounds.map((round) => round[name]! / round[first.name]!));
    const undisturbed = fastestOf(rounds, name) / fastestOf(rounds, first.name);
    const ratio = Math.max(typical, undisturbed);
    if (ratio < best.ratio) best = { faster: name, ratio };
  }
  for (const name of Object.keys(rounds[0] ?? {})) ms[name] = median(rounds.map((round) => round[name]!));
  return { faster: best.faster, ms };
}

/** ms of each variant in each round; every second round goes backwards. */
async function timed(trial: Trial, variants: readonly ConvVariant[], rounds: number, times: number, signal: AbortSignal | undefined): Promise<Record<string, number>[]> {
  const all: Record<string, number>[] = [];
  for (let round = 0; round < rounds; round++) {
    const ms: Record<string, number> = {};
    for (const { name } of round % 2 === 0 ? variants : variants.toReversed()) {
      signal?.throwIfAborted();
      ms[name] = await trial.time(name, times);
    }
    all.push(ms);
  }
  return all;
}

function fastestOf(rounds: readonly Record<string, number>[], name: string): number { return Math.min(...rounds.map((ms) => ms[name]!)); }

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
