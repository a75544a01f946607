import { pad4 } from "../../engine/graph/layout.ts";
import { subPixels } from "../data/dataset.ts";
import { evenly, launchRows } from "../launch-rows.ts";
import type { Session } from "../session.ts";
import { compileForward } from "./compiled.ts";
import type { Network } from "./network.ts";

/**
 * The network's scores before any softmax, in evaluation mode.
 *
 * @param x [n, m] images in [0, 1], dense NCHW.
 * @returns [n, classCount] logits.
 */
export async function scores(session: Session, network: Network, x: Float32Array): Promise<Float32Array> {
  const m = subPixels(network.inputShape);
  const [n, k, lanes] = [x.length / m, network.classCount, pad4(network.classCount)];
  const rows = evenly(n, await launchRows(session, network, "forward"));
  const own = session.child(); // a few images once: nothing of it is worth keeping
  try {
    const image = own.scope.tensor("image", [rows, m]);
    const { prologue, body, logits } = compileForward(own, network, image);
    (await own.prepare("scores: weights", prologue)).run();
    const [program, readback] = [await own.prepare("scores", body), own.readback([logits])];
    const found = new Float32Array(n * k);
    for (let first = 0; first < n; first += rows) {
      own.check();
      own.gpu.write(image, x.subarray(first * m, Math.min(first + rows, n) * m));
      program.run();
      const [padded] = await readback.read() as [Float32Array];
      for (let i = 0; i < Math.min(rows, n - first); i++) found.set(padded.subarray(i * lanes, i * lanes + k), (first + i) * k);
    }
    return found;
  } finally { own.dispose(); }
}

/** A class and its probability. */
export interface ClassProbability { readonly class: number; readonly probability: number }

/** The `count` most probable classes, the highest first and of equals the lower class; softmax in f64 over all classes. */
export function mostProbable(logits: Float32Array, count: number): ClassProbability[] {
  const highest = logits.reduce((most, value) => Math.max(most, value), -Infinity);
  const weights = Array.from(logits, (value) => Math.exp(value - highest));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight, index) => ({ class: index, probability: weight / sum })).sort((a, b) => b.probability - a.probability || a.class - b.class).slice(0, count);
}
