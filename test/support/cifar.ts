import assert from "node:assert/strict";

import type { ImageBatch } from "../../services/lab/attacks/variant.ts";
import type { Architecture } from "../../services/lab/models/architecture.ts";
import { architectures as named } from "../../services/lab/models/architectures.ts";
import { makeNetwork, type Network } from "../../services/lab/models/network.ts";
import type { TensorFile } from "../../services/lab/models/weights/tensor-file.ts";
import type { Session } from "../../services/lab/session.ts";
import { relativeL2 } from "./close.ts";
import type { Npy } from "./npy.ts";
import { goldenEntry } from "./shared.ts";

/** The CIFAR-10 checkpoints and images that reference values were made on. */

export const CIFAR_MODELS = ["resnet20", "resnet2b"] as const;
export type CifarModel = (typeof CIFAR_MODELS)[number];
const architectures: Readonly<Record<CifarModel, Architecture>> = { resnet20: named["cifar-resnet20"], resnet2b: named["cifar-resnet-2b"] };

/** Sub-pixels of one image. */
export const M = 3 * 32 * 32;

export function cifarNetwork(session: Session, name: CifarModel, { tensors, metadata }: TensorFile): Network {
  const numbers = (key: string): number[] => JSON.parse(metadata[key]!) as number[];
  const shape = { inputShape: [3, 32, 32], classCount: 10, mean: numbers("normalisation_mean"), std: numbers("normalisation_std") } as const;
  const network = makeNetwork(session.scope, architectures[name], shape);
  network.parameters.load(tensors);
  return network;
}

/** The first `count` images: x = float32(u8 / 255). */
export function cifarImages(pixels: Npy, labels: Npy, count = labels.data.length): ImageBatch {
  return { x: Float32Array.from(pixels.data.subarray(0, count * M), (v) => v / 255), labels: Uint32Array.from(labels.data.subarray(0, count)), ids: Uint32Array.from({ length: count }, (_, i) => i) };
}

/** Goldens README, note 1: deep ReLU nets differ where a unit switches side, so the distance of float32 to float64 sets the limit. */
export function limitOf(file: string): number { return Math.max(1e-3, 5 * (goldenEntry(file).float64_rel_l2_worst_image ?? 0)); }

type Diagnose = { diagnostic(message: string): void };

/** Relative l2 distance of each image's map within the limit; one image in twenty may lie beyond it. */
export function assertMapsClose(t: Diagnose, title: string, actual: Float32Array, expected: ArrayLike<number>, limit: number): void {
  const distances = Array.from({ length: actual.length / M }, (_, i) => relativeL2(actual.subarray(i * M, (i + 1) * M), Array.from({ length: M }, (_, j) => expected[i * M + j]!)));
  const beyond = distances.flatMap((d, i) => (d <= limit ? [] : [i]));
  const sorted = [...distances].sort((a, b) => a - b);
  t.diagnostic(`${title}: relative l2 of ${distances.length} images: median ${sorted[sorted.length >> 1]!.toExponential(1)}, worst ${sorted.at(-1)!.toExponential(1)}; ${beyond.length} beyond ${limit.toExponential(1)}`);
  assert.ok(beyond.length <= distances.length / 20, `${title}: images ${beyond.join(", ")} lie beyond ${limit}`);
}

/** How many sub-pixels of each image differ by more than `by`. */
export function pixelsOff(actual: ArrayLike<number>, expected: ArrayLike<number>, by: number): number[] {
  const off = new Array<number>(actual.length / M).fill(0);
  for (let j = 0; j < actual.length; j++) if (!(Math.abs(actual[j]! - expected[j]!) <= by)) off[Math.floor(j / M)]!++;
  return off;
}

/** The float64 image that a u8 file stands for. */
export function fromBytes({ data }: Npy): Float64Array { return Float64Array.from(data, (v) => v / 255); }
