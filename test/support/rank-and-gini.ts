import assert from "node:assert/strict";

import type { Gpu, Scope } from "../../services/engine/gpu/device.ts";
import { runOnce } from "../../services/engine/gpu/program.ts";
import type { Tensor } from "../../services/engine/gpu/tensor.ts";
import { occlude, occlusionGrid } from "../../services/engine/kernels/attack/occlude.ts";
import { channelMean } from "../../services/engine/kernels/attribution/channel-mean.ts";
import { blockCells, type BlockMode, blockSums } from "../../services/engine/kernels/inequality/block-sums.ts";
import { giniRows } from "../../services/engine/kernels/inequality/gini-rows.ts";
import { type SignRule, signRule } from "../../services/engine/kernels/inequality/sign-rule.ts";
import { rankRows } from "../../services/engine/kernels/reduce/rank-rows.ts";
import { sortRows } from "../../services/engine/kernels/reduce/sort-rows.ts";
import { assertClose } from "./close.ts";
import { uploadF32, uploadU32 } from "./gpu.ts";
import type { Npy } from "./npy.ts";
import { withScope } from "./rows.ts";

/** The checks of one model's maps of 32×32 images against stored values: the same body for committed and for shared arrays. */

const SHAPE = { c: 3, h: 32, w: 32 };
const PIXELS = SHAPE.h * SHAPE.w;
const M = SHAPE.c * PIXELS;

/** Columns of the stored inequality measures. */
const RULES: readonly [number, SignRule][] = [[0, "absolute"], [1, "positive"], [6, "positive"]]; // 6: legacy, without blocks
const MODES: readonly [number, BlockMode][] = [[2, "abs-sum"], [3, "positive-sum"], [4, "signed-sum-positive"], [5, "per-channel"]];

/** The map's descending order of sub-pixels, entry for entry. */
export function checkRanks(gpu: Gpu, map: Npy, order: Npy): Promise<void> {
  return withScope(gpu, async (scope) => {
    const n = map.shape[0]!;
    const got = await orderOf(scope, uploadF32(scope, "map", map.data), n, M);
    assert.deepEqual([...got], [...order.data]);
  });
}

/** The ten highest pixels of the channel mean. */
export function checkCentres(gpu: Gpu, map: Npy, centres: Npy): Promise<void> {
  return withScope(gpu, async (scope) => {
    const n = map.shape[0]!;
    const mean = scope.tensor("mean", [n, PIXELS]);
    await runOnce(gpu, "mean", [channelMean(uploadF32(scope, "map", map.data), mean, { n, c: SHAPE.c, p: PIXELS })]);
    const order = await orderOf(scope, mean, n, PIXELS);
    const count = centres.shape[1]!;
    for (let i = 0; i < n; i++) assert.deepEqual([...order.slice(i * PIXELS, i * PIXELS + count)], [...centres.data.slice(i * count, (i + 1) * count)], `image ${i}`);
  });
}

/** Global and regional Gini, each column of the stored measures to the tolerance that their README gives. */
export function checkGini(gpu: Gpu, map: Npy, measures: Npy): Promise<void> {
  return withScope(gpu, async (scope) => {
    const n = map.shape[0]!;
    const signed = uploadF32(scope, "map", map.data);
    const stored = (column: number): number[] => Array.from({ length: n }, (_, i) => measures.data[i * measures.shape[1]! + column]!);
    for (const [column, mode] of RULES) {
      const values = scope.tensor("values", [n, M]);
      await runOnce(gpu, "rule", [signRule(signed, values, { n: n * M, mode })]);
      assertClose(await giniOf(scope, values, n, M), stored(column), { atol: 0, rtol: 1e-5 });
    }
    for (const [column, mode] of MODES) {
      const shape = { ...SHAPE, block: 4, mode };
      const values = scope.tensor("values", [n, blockCells(shape)]);
      await runOnce(gpu, "blocks", [blockSums(signed, values, { ...shape, n })]);
      assertClose(await giniOf(scope, values, n, blockCells(shape)), stored(column), { atol: 0, rtol: 1e-5 });
    }
  });
}

/** Masks of image 0 for every (n, r): black images with white squares, one launch. */
export function checkMasks(gpu: Gpu, centres: Npy, masks: Npy): Promise<void> {
  return withScope(gpu, async (scope) => {
    const [maxCount, maxRadius] = masks.shape as [number, number];
    const grid = occlusionGrid(1, maxCount, maxRadius);
    const rows = maxCount * maxRadius;
    const variant = { sourceRow: uploadU32(scope, "source", grid.sourceRow), count: uploadU32(scope, "count", grid.count), radius: uploadU32(scope, "radius", grid.radius) };
    const y = scope.tensor("y", [rows, M]);
    const options = { ...SHAPE, rows, images: 1, maxCentres: maxCount, colour: 1 };
    await runOnce(gpu, "masks", [occlude(scope.tensor("black", [1, M]), uploadU32(scope, "centres", centres.data.slice(0, maxCount)), variant, y, options)]);
    const got = await gpu.readF32(y);
    for (let row = 0; row < rows; row++) {
      const mask = [...masks.data.slice(row * PIXELS, (row + 1) * PIXELS)];
      for (let ch = 0; ch < SHAPE.c; ch++) assert.deepEqual([...got.slice(row * M + ch * PIXELS, row * M + (ch + 1) * PIXELS)], mask, `row ${row}, channel ${ch}`);
    }
  });
}

/** Gini of each row of non-negative values, sorted and summed on the device. */
export async function giniOf(scope: Scope, values: Tensor, n: number, m: number): Promise<Float32Array> {
  const [sorted, gini] = [scope.tensor("sorted", [n, m]), scope.tensor("gini", [n])];
  await runOnce(scope.gpu, "gini", [...sortRows(values, sorted, { n, m }), giniRows(sorted, gini, { n, m })]);
  return scope.gpu.readF32(gini);
}

async function orderOf(scope: Scope, values: Tensor, n: number, m: number): Promise<Uint32Array> {
  const [rank, order, keys] = ["rank", "order", "keys"].map((label) => scope.tensor(label, [n, m], "u32")) as [Tensor, Tensor, Tensor];
  await runOnce(scope.gpu, "rank", rankRows(values, rank, order, keys, { n, m }));
  return (await scope.gpu.read(order)) as Uint32Array;
}
