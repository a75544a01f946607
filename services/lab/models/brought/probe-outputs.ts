import type { Warning } from "../../../../schema/jobs/warning.ts";
import { Rng } from "../../../common/rng.ts";
import { subPixels } from "../../data/dataset.ts";
import type { Session } from "../../session.ts";
import { STREAM } from "../../streams.ts";
import { type Network } from "../network.ts";
import { scores } from "../scores.ts";

/** Black, white, and images of noise about grey, each of another contrast. */
const PROBES = 8;
/** Logits of one class that differ by less, relative to the largest, are one value. */
const SAME = 1e-6;

/** What a few pictures show to be wrong with a network: it cannot tell them apart, or does not compute numbers. */
export async function probeOutputs(session: Session, network: Network): Promise<Warning[]> {
  const logits = await scores(session, network, probes(subPixels(network.inputShape)));
  if (!logits.every(Number.isFinite)) return [{ code: "NON_FINITE_OUTPUTS", message: "The network's scores for pictures of noise are not all finite numbers: no result of it means anything." }];
  const largest = logits.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const { classCount } = network;
  const constant = logits.every((value, i) => Math.abs(value - logits[i % classCount]!) <= SAME * largest);
  return constant ? [{ code: "CONSTANT_OUTPUTS", message: `The network gives the same scores to black, white and ${PROBES - 2} pictures of noise: it ignores its input, or what it sees saturates it. Are weights and normalisation the right ones?` }] : [];
}

function probes(m: number): Float32Array {
  const rng = new Rng(0n, STREAM.probe);
  const x = new Float32Array(PROBES * m).fill(0, 0, m).fill(1, m, 2 * m);
  for (let i = 2; i < PROBES; i++) for (let p = 0; p < m; p++) x[i * m + p] = 0.5 + (rng.uniform() - 0.5) * (i / (PROBES - 1));
  return x;
}
