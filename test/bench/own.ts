import type { Clock } from "../../services/common/clock.ts";
import type { Gpu } from "../../services/engine/gpu/device.ts";
import type { Tuner } from "../../services/engine/tune/tune.ts";
import { forwardGraph } from "../../services/lab/models/architecture.ts";
import { architectureNamed } from "../../services/lab/models/architectures.ts";
import { breakDown } from "./breakdown.ts";
import { timeFirstResult } from "./first-result.ts";
import { footprint } from "./footprint.ts";
import { type CaseGroup, COLOUR, DIGITS, type NetworkCase, NETWORKS } from "./networks.ts";
import { operatorCases } from "./operators.ts";
import type { BenchOptions, Effort } from "./options.ts";
import { peakCases } from "./peak.ts";
import { RecordingSession } from "./recording-session.ts";
import { networkResult, type NetworkResult, operatorResult, type OwnReport } from "./report.ts";
import { type Meter, timeCases } from "./timing.ts";

/** A breakdown times dozens of launches: few rounds, which are sums of many anyway. */
const BREAKDOWN_EFFORT: Effort = { rounds: 3, batchMs: 40, longMs: 1000, longSamples: 3 };

export interface OwnOptions extends Pick<BenchOptions, "quick" | "breakdown"> {
  readonly only: (name: string) => boolean;
  readonly effort: Effort;
  readonly meter: Meter;
  readonly seed: bigint;
  readonly tuner: Tuner;
  readonly clock: Clock;
}

/** Lorenz alone: operators, networks, and (when everything is asked for) the way of a fresh process to its first result. */
export async function benchOwn(gpu: Gpu, options: OwnOptions): Promise<OwnReport> {
  const operators = await benchOperators(gpu, options);
  const networks: NetworkResult[] = [];
  for (const group of NETWORKS) networks.push(...await benchNetwork(gpu, group, options));
  const first = options.only("first result") ? { firstResult: await timeFirstResult(options.quick ? { cold: 1, warm: 1 } : { cold: 2, warm: 4 }, options.clock) } : {};
  return { ...operators, networks, ...first };
}

/** The peaks are timed in the same rounds as what is measured by them. */
async function benchOperators(gpu: Gpu, { only, effort, meter, seed, tuner }: OwnOptions): Promise<Pick<OwnReport, "peaks" | "operators">> {
  const scope = gpu.scope("bench");
  try {
    for (const [name, shape] of [["small-cnn", DIGITS], ["cifar-resnet18", COLOUR]] as const) await tuner.tune(forwardGraph(architectureNamed(name), shape, 1).graph, { training: true });
    const cases = await operatorCases(gpu, scope, seed, only);
    if (cases.length === 0) return { peaks: [], operators: [] };
    const { arithmetic, memory } = peakCases(gpu, scope);
    const timings = await timeCases([arithmetic, memory, ...cases], effort, meter);
    const results = [...timings].map(([each, timing]) => operatorResult(each, timing));
    for (const each of [arithmetic, memory, ...cases]) each.dispose();
    return { peaks: results.slice(0, 2), operators: results.slice(2) };
  } finally { scope.dispose(); }
}

async function benchNetwork(gpu: Gpu, group: CaseGroup, { only, effort, meter, seed, tuner, quick, breakdown }: OwnOptions): Promise<NetworkResult[]> {
  const session = new RecordingSession(gpu, { tuner });
  try {
    const cases = group(session, seed, quick).filter(({ name }) => only(name));
    const seen = new Map<NetworkCase, Awaited<ReturnType<typeof footprint>>>();
    const timings = await timeCases(cases, effort, meter, async (each, run) => { seen.set(each, await footprint(gpu, session, run)); });
    const results: NetworkResult[] = [];
    for (const [each, timing] of timings) {
      const { launches, footprint: used } = seen.get(each)!;
      results.push(networkResult(each, timing, used, breakdown ? await breakDown(gpu, launches, BREAKDOWN_EFFORT, meter) : undefined));
    }
    return results;
  } finally { session.dispose(); }
}
