import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { Rng } from "../../../services/common/rng.ts";
import { elements } from "../../../services/engine/gpu/tensor.ts";
import type { ImageBatch } from "../../../services/lab/attacks/variant.ts";
import { quadrature } from "../../../services/lab/attributions/quadrature.ts";
import type { ModelShape } from "../../../services/lab/models/architecture.ts";
import { randomImages } from "../work.ts";

export interface SharedTensor { readonly shape: readonly number[]; readonly data: Float32Array }

/** Numbers that every engine uses. */
export const SETTINGS = { epsilon: 8 / 255, stepSize: 2 / 255, pgdSteps: 10, learningRate: 0.05, momentum: 0.9 } as const;
export const BATCH = 64;
export const IG_POINTS = 50;
/** Sides of the convolution's operands. */
export const CONV = { n: BATCH, c: 64, k: 64, side: 32, window: 3 } as const;
export const GEMM_SIDE = 512;

/** Mean 0 and deviation 1, so that no engine has to normalise: the networks are then those of every other comparison. */
export const DIGITS: ModelShape = { inputShape: [1, 28, 28], classCount: 10, mean: [0], std: [1] };
export const COLOUR: ModelShape = { inputShape: [3, 32, 32], classCount: 10, mean: [0, 0, 0], std: [1, 1, 1] };

/** Everything but the networks' weights, by name, in PyTorch's shapes. */
export function sharedTensors(seed: bigint): Map<string, SharedTensor> {
  const { n, c, k, side, window } = CONV;
  const path = quadrature("gauss-legendre", IG_POINTS);
  return new Map([
    ...uniform(seed, {
      "gemm/a": [GEMM_SIDE, GEMM_SIDE], "gemm/b": [GEMM_SIDE, GEMM_SIDE],
      "conv/x": [n, c, side, side], "conv/w": [k, c, window, window], "conv/dy": [n, k, side, side],
    }),
    ...images("images", imagesOf(seed, DIGITS), DIGITS),
    ...images("colour", imagesOf(seed, COLOUR), COLOUR),
    ...Object.entries(path).map(([name, values]): [string, SharedTensor] => [`path/${name}`, { shape: [IG_POINTS], data: Float32Array.from(values) }]),
  ]);
}

export function imagesOf(seed: bigint, shape: ModelShape): ImageBatch { return randomImages(new Rng(seed, shape.inputShape[0]), BATCH, shape); }

/** In [−1, 1). */
function uniform(seed: bigint, shapes: Readonly<Record<string, readonly number[]>>): [string, SharedTensor][] {
  const rng = new Rng(seed, 0);
  return Object.entries(shapes).map(([name, shape]) => [name, { shape, data: Float32Array.from({ length: elements(shape) }, () => 2 * rng.uniform() - 1) }]);
}

function images(name: string, { x, labels }: ImageBatch, { inputShape }: ModelShape): [string, SharedTensor][] {
  return [[`${name}/x`, { shape: [BATCH, ...inputShape], data: x }], [`${name}/labels`, { shape: [BATCH], data: Float32Array.from(labels) }]];
}

/** What peers read: inputs.json with shapes and settings, and NAME.f32 with the values, little-endian. */
export function writeInputs(folder: string, tensors: ReadonlyMap<string, SharedTensor>): void {
  for (const [name, { data }] of tensors) {
    const file = join(folder, `${name}.f32`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, data);
  }
  const shapes = Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]));
  writeFileSync(join(folder, "inputs.json"), JSON.stringify({ settings: SETTINGS, tensors: shapes }));
}
