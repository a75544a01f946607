import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";

import type { Clock } from "../../../services/common/clock.ts";
import type { Gpu } from "../../../services/engine/gpu/device.ts";
import type { Tuner } from "../../../services/engine/tune/tune.ts";
import { COMPARED, type ComparedCase, excuseOf } from "./cases.ts";
import type { Engine } from "./engine.ts";
import { COLOUR, DIGITS, type SharedTensor, sharedTensors, writeInputs } from "./inputs.ts";
import { LorenzEngine } from "./lorenz.ts";
import { PeerProcess } from "./peer-process.ts";
import { peersOffered } from "./peers.ts";
import type { Comparison } from "./report.ts";
import { expectedMs, prepareRaces, type RaceEffort, runRaces } from "./rounds.ts";

export interface CompareOptions extends RaceEffort {
  /** Only cases with this in their name or title. */
  readonly only: (name: string) => boolean;
  /** Only peers with this in their name. */
  readonly engine: (name: string) => boolean;
  readonly seed: bigint;
  readonly tuner: Tuner;
  readonly clock: Clock;
  readonly say: (line: string) => void;
}

/** Lorenz and the peers on the same work, in turns. @throws AppError INVALID_INPUT when the peers are not installed. */
export async function compare(gpu: Gpu, options: CompareOptions): Promise<Comparison> {
  const folder = mkdtempSync(join(tmpdir(), "lorenz-bench-"));
  const engines: Engine[] = [];
  try {
    const offers = peersOffered(gpu.adapter, folder, cpus().length).filter(({ name }) => options.engine(name));
    const cases = COMPARED.filter((each) => (options.only(each.name) || options.only(each.title)) && offers.some(({ name }) => excuseOf(each, name) === undefined));
    const tensors = sharedTensors(options.seed);
    const lorenz = new LorenzEngine(gpu, tensors, options.seed, options.clock, options.tuner);
    engines.push(lorenz);
    writeInputs(folder, new Map([...tensors, ...await weightsFor(lorenz, cases)]));
    const absent: Record<string, string> = {};
    for (const offer of offers) {
      const peer = "reason" in offer ? offer.reason : await PeerProcess.start(offer, folder);
      if (typeof peer === "string") absent[offer.name] = peer;
      else engines.push(peer);
    }
    const races = await prepareRaces(engines as [Engine, ...Engine[]], cases, ({ case: { title }, lanes }) =>
      options.say(`${title}: ${lanes.map(({ engine, warmMs, reason }) => `${engine} ${reason === undefined ? `${warmMs.toFixed(1)} ms` : "–"}`).join(", ")}`));
    options.say(`${options.rounds} rounds: about ${Math.ceil(expectedMs(races, options) / 60_000)} min`);
    await runRaces(engines, races, options);
    return { rounds: options.rounds, engines: Object.fromEntries(engines.map(({ name, title }) => [name, title])), absent, races };
  } finally {
    await Promise.all(engines.map((engine) => engine.end()));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The initial weights of the networks that the cases need, under their names for the peers. */
async function weightsFor(lorenz: LorenzEngine, cases: readonly ComparedCase[]): Promise<[string, SharedTensor][]> {
  const all: [string, SharedTensor][] = [];
  for (const [prefix, architecture, shape] of [["small-cnn", "small-cnn", DIGITS], ["resnet18", "cifar-resnet18", COLOUR]] as const) {
    if (!cases.some(({ name }) => name.startsWith(`${prefix}-`))) continue;
    for (const [name, tensor] of await lorenz.weights(architecture, shape)) all.push([`${prefix}/${name}`, tensor]);
  }
  return all;
}
