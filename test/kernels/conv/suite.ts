import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";

import type { Gpu, KernelFamily, Scope } from "../../../services/engine/gpu/device.ts";
import type { Step } from "../../../services/engine/gpu/kernel.ts";
import { toTexture } from "../../../services/engine/gpu/program.ts";
import type { Tensor } from "../../../services/engine/gpu/tensor.ts";
import { packActivation, packConvWeight, packVector } from "../../../services/engine/graph/layout.ts";
import { convForward, convGradInput, convGradWeight, productNeeds } from "../../../services/engine/kernels/conv/convolution.ts";
import { convGeometry, type ConvGeometry, inputElements, linearGeometry, outputElements, weightElements } from "../../../services/engine/kernels/conv/geometry.ts";
import { type ConvOperand, type ConvOperation, type ConvTarget, type ConvVariant, variantOf } from "../../../services/engine/kernels/conv/variants.ts";
import { pair, type Pair, type Sides } from "../../../services/engine/kernels/window.ts";
import { convolutionReference } from "../../../services/engine/reference/conv/convolution.ts";
import { convolutionGradInputReference } from "../../../services/engine/reference/conv/convolution-grad-input.ts";
import { convolutionGradWeightReference } from "../../../services/engine/reference/conv/convolution-grad-weight.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { canary, closeTestGpu, runChecked, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";

// The one body of tests that every variant of the convolutions must pass.

export const conv = (n: number, c: number, h: number, w: number, k: number, kernel: number | Pair, stride: number | Pair = 1, padding: number | Sides = 0, groups = 1, dilation: number | Pair = 1): ConvGeometry => {
  const [kh, kw] = pair(kernel);
  return convGeometry({ n, c, h, w }, { k, kh, kw, stride, padding, dilation, groups });
};

export const DENSE: Readonly<Record<string, ConvGeometry>> = {
  "one pixel, one channel": conv(1, 1, 1, 1, 1, 1),
  "1×1": conv(2, 5, 7, 6, 6, 1),
  "1×1 stride 2, leaving residue classes without taps": conv(2, 4, 7, 6, 9, 1, 2),
  "3×3 same, C = 3": conv(2, 3, 9, 7, 12, 3, 1, 1),
  "3×3 stride 2, with pixels left over": conv(2, 6, 9, 8, 10, 3, 2, 1),
  "3×3 same, C = 1 (first layer of the small CNN)": conv(2, 1, 9, 8, 32, 3, 1, 1),
  "4×4 stride 2, C = 1 (first layer of the tiny CNN)": conv(3, 1, 28, 28, 16, 4, 2, 1),
  "4×4 stride 2, all lanes of a tile": conv(2, 16, 12, 10, 32, 4, 2, 1),
  "4×3 stride 3, C = 4, by columns, with pixels left over": conv(2, 4, 12, 9, 50, [4, 3], 3, 1),
  "2×2 stride 3, C = 2, by columns, leaving pixels without taps": conv(3, 2, 8, 10, 9, 2, 3),
  "5×5 same, K = 7": conv(2, 3, 8, 8, 7, 5, 1, 2),
  "7×7 stride 2 padding 3": conv(1, 3, 13, 11, 20, 7, 2, 3),
  "3×1 stride 3": conv(2, 2, 11, 10, 3, [3, 1], 3, 1),
  "2×3, no padding": conv(1, 4, 5, 9, 5, [2, 3]),
  "more channels than any tile": conv(3, 35, 5, 5, 70, 3, 1, 1),
  "many pixels, few channels": conv(2, 4, 67, 65, 36, 1),
  "stride 2×1, padding on two sides": conv(2, 5, 9, 8, 6, [3, 2], [2, 1], [0, 2, 1, 0]),
  "stride 1×2, C = 2, by columns, padding of each side its own": conv(2, 2, 9, 11, 24, 3, [1, 2], [0, 1, 2, 3]),
  "dilation 2 same": conv(2, 4, 9, 8, 20, 3, 1, 2, 1, 2),
  "dilation 2, C = 1, not by columns": conv(2, 1, 10, 9, 16, 3, 1, [2, 0, 1, 2], 1, 2),
  "stride 2, dilation 2, leaving residue classes without taps": conv(2, 5, 11, 10, 8, 3, 2, 2, 1, 2),
  "stride 3×4, dilation 2×6": conv(2, 6, 13, 14, 9, [3, 2], [3, 4], [2, 1, 0, 3], 1, [2, 6]),
  "padding beyond the window": conv(1, 3, 4, 5, 7, 2, 1, [3, 0, 0, 4]),
  "stride 2 without its last row, as under a transposed convolution with output padding": conv(2, 8, 7, 7, 12, 3, 2, [1, 1, -1, 0]),
  "patches 4×4, C = 3, by columns": conv(2, 3, 9, 8, 10, 4, 4, 0),
  "linear 52 → 10": linearGeometry(37, 52, 10),
  "linear 20 → 100, rows in slices": linearGeometry(600, 20, 100),
  "linear, one row": linearGeometry(1, 8, 3),
};

/** Filters 3×3 as large out as in, with channels enough for the variants that fuse their rows; a batch and channels of no special size first. */
export const FILTER_ROWS: Readonly<Record<string, ConvGeometry>> = {
  "3×3 same, 35 → 70 channels": conv(3, 35, 5, 6, 70, 3, 1, 1),
  "3×3 same, 17 → 20 channels, rows longer than a tile": conv(2, 17, 3, 37, 20, 3, 1, 1),
  "3×3 same, 20 → 36 channels, images of 4×4": conv(5, 20, 4, 4, 36, 3, 1, 1),
  "3×3 same, C = 1": conv(2, 1, 9, 8, 32, 3, 1, 1),
  "3×3 same, C = 3": conv(2, 3, 12, 11, 24, 3, 1, 1),
  "3×3 same, C = 4, several slices": conv(2, 4, 41, 29, 36, 3, 1, 1),
};

/** The same with nothing but their smallest image: for the passes that take any. */
export const SMALL_ROWS: Readonly<Record<string, ConvGeometry>> = {
  "3×3 same, one pixel": conv(2, 20, 1, 1, 20, 3, 1, 1),
  "3×3 same, one column": conv(2, 20, 5, 1, 20, 3, 1, 1),
};

/** First layers with filters 3×3, as large out as in. */
export const NARROW: Readonly<Record<string, ConvGeometry>> = {
  "3×3 same, C = 1": conv(3, 1, 9, 8, 32, 3, 1, 1),
  "3×3 same, C = 3": conv(2, 3, 12, 11, 9, 3, 1, 1),
  "3×3 same, C = 1, rows longer than a tile": conv(2, 1, 3, 67, 5, 3, 1, 1),
  "3×3 same, C = 3, one pixel": conv(2, 3, 1, 1, 4, 3, 1, 1),
  "3×3 same, C = 1, one column": conv(5, 1, 40, 1, 10, 3, 1, 1),
};

export const GROUPED: Readonly<Record<string, ConvGeometry>> = {
  "2 groups of 3 → 5 channels": conv(2, 6, 7, 6, 10, 3, 1, 1, 2),
  "2 groups, stride 2 with pixels left over": conv(2, 8, 8, 9, 4, 3, 2, 0, 2),
  "depthwise, stride 2": conv(2, 9, 7, 8, 9, 3, 2, 1, 9),
  "depthwise with two filters per channel": conv(1, 3, 5, 6, 6, 5, 1, 2, 3),
  "2 groups of 8 → 12 channels, stride 2": conv(2, 16, 9, 8, 24, 3, 2, 1, 2),
  "8 groups of 4 → 4 channels": conv(2, 32, 7, 6, 32, 3, 1, 1, 8),
  "2 groups of 4 → 8 channels, stride 3×1, dilation 2": conv(2, 8, 11, 9, 16, [3, 2], [3, 1], [2, 1, 0, 3], 2, 2),
  "depthwise, dilation 2, padding of each side its own": conv(2, 12, 9, 11, 12, 3, 1, [1, 2, 3, 0], 12, 2),
  "depthwise, stride 2×3, dilation 3×2": conv(2, 8, 13, 12, 8, [3, 2], [2, 3], [2, 1, 0, 2], 8, [3, 2]),
  "3 groups of 2 → 3 channels, stride 3×1, dilation 1×2": conv(2, 6, 10, 9, 9, [2, 3], [3, 1], [1, 0, 2, 2], 3, [1, 2]),
  "depthwise, stride 2 and dilation 2, leaving pixels without taps": conv(1, 5, 9, 8, 5, 3, 2, 1, 5, 2),
  "depthwise with four filters per channel, images narrower than a run": conv(2, 3, 5, 2, 12, 3, 1, 1, 3),
  "depthwise, many pixels": conv(3, 4, 28, 28, 4, 3, 1, 1, 4),
};

/** Logical tensors of a case and their physical images. */
export function data(g: ConvGeometry, seed: number) {
  const cg = g.c / g.groups;
  const x = uniform(seed, g.n * g.c * g.h * g.w);
  const w = uniform(seed + 1, g.k * cg * g.kh * g.kw);
  const dy = uniform(seed + 2, g.n * g.k * g.oh * g.ow);
  const bias = uniform(seed + 3, g.k);
  const holes = (values: Float64Array): Float64Array => values.map((v, i) => (i % 3 === 0 ? 0 : v)); // as a ReLU's output has
  const likeX = [uniform(seed + 4, x.length), holes(uniform(seed + 5, x.length))] as const;
  const likeY = [uniform(seed + 6, dy.length), holes(uniform(seed + 7, dy.length))] as const;
  return { x, w, dy, bias, likeX, likeY };
}
export const packX = (g: ConvGeometry, x: ArrayLike<number>): Float32Array => packActivation(x, [g.n, g.c, g.h, g.w]);
export const packY = (g: ConvGeometry, y: ArrayLike<number>): Float32Array => packActivation(y, [g.n, g.k, g.oh, g.ow]);
export const packW = (g: ConvGeometry, w: ArrayLike<number>): Float32Array => packConvWeight(w, g.k, g.c / g.groups, g.kh, g.kw, g.groups);

export const SENTINEL = -12345; // no sum of these tests comes near

/** An input with infinities behind its end: whatever reads past it, and multiplies that by 0, yields a NaN. */
export function guarded(scope: Scope, label: string, values: Float32Array): Tensor {
  const all = new Float32Array(values.length + 1024).fill(Infinity);
  all.set(values);
  return uploadF32(scope, label, all);
}

/** The physical output against the twin's; what is padding in the twin's image must be exactly 0. */
export function assertPhysical(actual: Float32Array, expected: Float32Array, padding: Float32Array, terms: number): void {
  assertClose(actual, expected, TOLERANCE.reduction(terms));
  for (let i = 0; i < actual.length; i++) if (padding[i] === 0 && actual[i] !== 0) assert.fail(`padding lane [${i}] is ${actual[i]}`);
}

export interface Variant {
  readonly name: string;
  /** The family that selects the variant, or why this adapter cannot run it. */
  readonly family: (gpu: Gpu) => KernelFamily | string;
  /** Picks among the family's variants where it has this one; default: the family's default. */
  readonly kernel?: string;
  readonly textures?: readonly ConvOperand[];
  readonly cases: Readonly<Record<string, ConvGeometry>>;
}

export const SUBGROUP = (gpu: Gpu): KernelFamily | string => (gpu.family.kind === "subgroup" ? gpu.family : `${gpu.adapter.description} promises no fixed subgroup size of 4 or 8`);
/** For the variants that suit lavapipe's eight lanes alone. */
export const SUBGROUP8 = (gpu: Gpu): KernelFamily | string => (gpu.family.kind === "subgroup" && gpu.family.size === 8 ? gpu.family : `${gpu.adapter.description} has no fixed subgroups of 8`);
export const TILED = (): KernelFamily => ({ kind: "workgroup" });

/** Runs `body` with a scope that is freed afterwards; skips, saying why, where the adapter lacks what the variant needs. */
function harness({ family, kernel, textures = [] }: Variant): (body: (gpu: Gpu, t: ConvTarget, scope: Scope) => Promise<void>) => (context: TestContext) => Promise<void> {
  return (body) => async (context) => {
    const gpu = await testGpu();
    const f = family(gpu);
    if (typeof f === "string") { context.skip(f); return; }
    const wanted = (candidate: ConvVariant): boolean => candidate.kernel === kernel && candidate.textures.join() === textures.join();
    const scope = gpu.scope("test");
    try { await body(gpu, { family: f, tuning: { choose: (_operation, _g, candidates) => candidates.find(wanted) } }, scope); } finally { scope.dispose(); }
  };
}

/** What the variant reads through textures gets one, filled by the returned steps. */
function textured<O extends ConvOperand>(scope: Scope, t: ConvTarget, operation: ConvOperation, g: ConvGeometry, operands: Readonly<Record<O, Tensor>>): { operands: Record<O, Tensor>; before: Step[] } {
  const before: Step[] = [];
  const all: Record<O, Tensor> = { ...operands };
  for (const name of variantOf(t, operation, g).textures as readonly O[]) {
    const tensor = { ...operands[name], texture: scope.texture(name, operands[name].bytes) };
    before.push(toTexture(tensor));
    all[name] = tensor;
  }
  return { operands: all, before };
}

interface Extras { readonly bias?: Tensor; readonly residual?: Tensor; readonly mask?: Tensor; readonly relu?: boolean }

/** What the variant needs beside its operands: the weight in its form, and scratch with a canary behind each. */
function provide(scope: Scope, t: ConvTarget, operation: ConvOperation, g: ConvGeometry, w?: Tensor): { w: Tensor | undefined; scratch: Tensor[]; before: Step[]; check: (gpu: Gpu) => Promise<void> } {
  const { weight, scratch: counts } = productNeeds(t, operation, g);
  const own = weight && canary(scope, "own weight", weight.elements, SENTINEL);
  const room = (elements: number): Tensor => canary(scope, "scratch", elements, SENTINEL);
  const forWeight = weight?.scratch.map(room) ?? [];
  const scratch = counts.map(room);
  const guardedTails = [...(own ? [[own, weight.elements] as const] : []), ...forWeight.map((s, i) => [s, weight!.scratch[i]!] as const), ...scratch.map((s, i) => [s, counts[i]!] as const)];
  return {
    w: own ?? w, scratch, before: own ? weight.prepare(w!, own, forWeight) : [],
    check: async (gpu) => {
      for (const [tensor, used] of guardedTails) assert.ok((await gpu.readF32(tensor)).subarray(used).every((v) => v === SENTINEL), `wrote past the ${tensor.label} it asked for`);
    },
  };
}

async function forward(gpu: Gpu, t: ConvTarget, scope: Scope, g: ConvGeometry, x: ArrayLike<number>, w: ArrayLike<number>, extras: Extras = {}): Promise<Float32Array> {
  const y = canary(scope, "y", outputElements(g), SENTINEL);
  const needs = provide(scope, t, "forward", g, guarded(scope, "w", packW(g, w)));
  const { operands, before } = textured(scope, t, "forward", g, { x: guarded(scope, "x", packX(g, x)), w: needs.w! });
  const steps = convForward(t, g, { ...extras, ...operands, y, scratch: needs.scratch }, { relu: extras.relu ?? false });
  const result = await runChecked(gpu, [...needs.before, ...before, ...steps], y, outputElements(g), SENTINEL);
  await needs.check(gpu);
  return result;
}

async function gradInput(gpu: Gpu, t: ConvTarget, scope: Scope, g: ConvGeometry, dy: ArrayLike<number>, w: ArrayLike<number>, extras: Extras = {}): Promise<Float32Array> {
  const dx = canary(scope, "dx", inputElements(g), SENTINEL);
  const needs = provide(scope, t, "grad-input", g, guarded(scope, "w", packW(g, w)));
  const { operands, before } = textured(scope, t, "grad-input", g, { dy: guarded(scope, "dy", packY(g, dy)), w: needs.w! });
  const steps = convGradInput(t, g, { ...extras, ...operands, dx, scratch: needs.scratch }, { relu: extras.relu ?? false });
  const result = await runChecked(gpu, [...needs.before, ...before, ...steps], dx, inputElements(g), SENTINEL);
  await needs.check(gpu);
  return result;
}

async function gradWeight(gpu: Gpu, t: ConvTarget, scope: Scope, g: ConvGeometry, x: ArrayLike<number>, dy: ArrayLike<number>): Promise<Float32Array> {
  const dw = canary(scope, "dw", weightElements(g), SENTINEL);
  const needs = provide(scope, t, "grad-weight", g);
  const { operands, before } = textured(scope, t, "grad-weight", g, { x: guarded(scope, "x", packX(g, x)), dy: guarded(scope, "dy", packY(g, dy)) });
  const steps = convGradWeight(t, g, { ...operands, dw, scratch: needs.scratch });
  const result = await runChecked(gpu, [...before, ...steps], dw, weightElements(g), SENTINEL);
  await needs.check(gpu);
  return result;
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => Array.from(a).reduce((sum, v, i) => sum + v * b[i]!, 0);
const masked = (values: Float64Array, mask: Float64Array): Float64Array => values.map((v, i) => (mask[i]! > 0 ? v : 0));

const isTypical = ({ n, stride, kh }: ConvGeometry): boolean => n > 1 && stride[0] === 2 && kh > 1;

export function describeForward(variant: Variant): void {
  const test = harness(variant);
  describe(`${variant.name}, forward`, () => {
    before(testGpu);
    after(closeTestGpu);

    Object.entries(variant.cases).forEach(([title, g], i) => {
      const { x, w, bias, likeY: [residual, mask] } = data(g, 100 * i);
      const terms = (g.c / g.groups) * g.kh * g.kw;
      it(`matches the reference: ${title}`, test(async (gpu, t, scope) => {
        const y = await forward(gpu, t, scope, g, x, w);
        assertPhysical(y, packY(g, convolutionReference(x, w, g)), packY(g, mask.map(() => 1)), terms);
      }));
      it(`adds bias and residual, then rectifies, then masks: ${title}`, test(async (gpu, t, scope) => {
        const extras = { bias: uploadF32(scope, "bias", packVector(bias)), residual: uploadF32(scope, "residual", packY(g, residual)), mask: uploadF32(scope, "mask", packY(g, mask)), relu: true };
        const y = await forward(gpu, t, scope, g, x, w, extras);
        const sum = convolutionReference(x, w, g).map((v, j) => Math.max(0, v + bias[Math.floor(j / (g.oh * g.ow)) % g.k]! + residual[j]!));
        assertPhysical(y, packY(g, masked(sum, mask)), packY(g, mask.map(() => 1)), terms);
      }));
    });

    const [title, g] = Object.entries(variant.cases).find(([, each]) => isTypical(each)) ?? Object.entries(variant.cases)[0]!;
    const { x, w, bias, likeY: [residual, mask] } = data(g, 7);
    it("uses each part of the epilogue alone", test(async (gpu, t, scope) => {
      const plain = Float64Array.from(await forward(gpu, t, scope, g, x, w));
      const rows = { bias: packVector(bias), residual: packY(g, residual), mask: packY(g, mask) };
      const K = rows.bias.length;
      const upload = (name: keyof typeof rows): Extras => ({ [name]: uploadF32(scope, name, rows[name]) });
      assertClose(await forward(gpu, t, scope, g, x, w, upload("bias")), plain.map((v, i) => v + rows.bias[i % K]!), TOLERANCE.reduction((g.c / g.groups) * g.kh * g.kw)); // a sum starts from the bias
      assertClose(await forward(gpu, t, scope, g, x, w, upload("residual")), plain.map((v, i) => v + rows.residual[i]!), TOLERANCE.elementwise);
      assert.deepEqual(Float64Array.from(await forward(gpu, t, scope, g, x, w, upload("mask"))), plain.map((v, i) => (rows.mask[i]! > 0 ? v : 0)));
      assert.deepEqual(Float64Array.from(await forward(gpu, t, scope, g, x, w, { relu: true })), plain.map((v) => Math.max(v, 0)));
    }));
    it(`undoes the fold of a large grid and repeats to the bit: ${title}`, test(async (gpu, t, scope) => {
      const once = await forward(gpu, t, scope, g, x, w);
      await withGridLimit(gpu, 2, async () => assert.deepEqual(await forward(gpu, t, scope, g, x, w), once));
      assert.deepEqual(await forward(gpu, t, scope, g, x, w), once);
    }));
    it("copies the image to the bit when each filter is 1 at its own channel's centre", test(async (gpu, t, scope) => {
      const same = conv(2, 10, 5, 6, 10, 3, 1, 1, g.groups > 1 ? 10 : 1);
      const image = uniform(9, 2 * 10 * 5 * 6);
      const cg = same.c / same.groups;
      const identity = new Float64Array(10 * cg * 9).map((_, i) => (i % 9 === 4 && Math.floor(i / 9) % cg === (cg === 1 ? 0 : Math.floor(i / 9 / cg)) ? 1 : 0));
      assert.deepEqual(await forward(gpu, t, scope, same, image, identity), packX(same, image));
    }));
    it("gives an image the same bits alone and in a batch, whatever lies beside it", test(async (gpu, t, scope) => {
      for (const one of loneImages(g.groups)) {
        const five = { ...one, n: 5 };
        const alone = uniform(3, one.c * one.h * one.w);
        const batch = new Float64Array(5 * alone.length).fill(Infinity); // must not reach the image in the middle
        batch.set(alone, 2 * alone.length);
        const filter = data(one, 4).w;
        const single = await forward(gpu, t, scope, one, alone, filter);
        assert.deepEqual((await forward(gpu, t, scope, five, batch, filter)).slice(2 * single.length, 3 * single.length), single);
      }
    }));
    it("refuses tensors that are too small by name", test(async (_gpu, t, scope) => {
      const room = (elements: number): Tensor => scope.tensor("t", [elements]);
      const all = { x: room(inputElements(g)), w: room(weightElements(g)), y: room(outputElements(g)) };
      const shorter = (tensor: Tensor): Tensor => room(tensor.bytes / 4 - 4);
      for (const name of ["x", "w", "y"] as const) {
        assert.throws(() => convForward(t, g, { ...all, [name]: shorter(all[name]) }, { relu: false }), { code: "SHAPE_MISMATCH", message: new RegExp(`conv2d: expected ${name} to hold`) });
      }
      for (const name of ["bias", "residual", "mask"] as const) {
        assert.throws(() => convForward(t, g, { ...all, [name]: room(1) }, { relu: false }), { code: "SHAPE_MISMATCH", message: new RegExp(`conv2d: expected ${name} to hold`) });
      }
    }));
  });
}

/** Strides so large that the gradient of the input is not made class by class. */
export const LONG_STRIDES: Readonly<Record<string, ConvGeometry>> = {
  "2×2 stride 17, leaving pixels without taps": conv(2, 6, 20, 18, 9, 2, 17, [1, 0, 0, 2]),
  "3×3 stride 18, dilation 12": conv(2, 5, 25, 30, 6, 3, 18, 2, 1, 12),
  "7×2 stride 20×14": conv(2, 9, 23, 19, 13, [7, 2], [20, 14], [2, 1, 3, 0]),
  "1×1 stride beyond the image": conv(2, 5, 17, 16, 9, 1, 1000),
};

/** One image each: with groups, of every form; else a strided convolution, one whose batch of five takes another tile than the image alone, and a first layer. */
function loneImages(groups: number): ConvGeometry[] {
  return groups > 1 ? [conv(1, 6, 7, 6, 10, 3, 2, 1, 2), conv(1, 8, 7, 6, 8, 3, 2, 1, 8), conv(1, 8, 7, 6, 16, 3, 2, 1, 2)] : [conv(1, 3, 9, 8, 10, 3, 2, 1), conv(1, 36, 41, 41, 36, 1), conv(1, 1, 13, 11, 16, 4, 2, 1)];
}

export function describeGradInput(variant: Variant): void {
  const test = harness(variant);
  describe(`${variant.name}, gradient of the input`, () => {
    before(testGpu);
    after(closeTestGpu);

    Object.entries(variant.cases).forEach(([title, g], i) => {
      const { w, dy, likeX: [residual, mask] } = data(g, 100 * i);
      const bias = uniform(100 * i + 8, g.c);
      const expected = convolutionGradInputReference(dy, w, g);
      const terms = (g.k / g.groups) * g.kh * g.kw;
      it(`matches the reference: ${title}`, test(async (gpu, t, scope) => {
        assertPhysical(await gradInput(gpu, t, scope, g, dy, w), packX(g, expected), packX(g, mask.map(() => 1)), terms);
      }));
      it(`adds another gradient, then masks: ${title}`, test(async (gpu, t, scope) => {
        const extras = { residual: uploadF32(scope, "residual", packX(g, residual)), mask: uploadF32(scope, "mask", packX(g, mask)) };
        const dx = await gradInput(gpu, t, scope, g, dy, w, extras);
        assertPhysical(dx, packX(g, masked(expected.map((v, j) => v + residual[j]!), mask)), packX(g, mask.map(() => 1)), terms);
      }));
      it(`adds a bias and rectifies, for a transposed convolution: ${title}`, test(async (gpu, t, scope) => {
        const dx = await gradInput(gpu, t, scope, g, dy, w, { bias: uploadF32(scope, "bias", packVector(bias)), relu: true });
        const sum = expected.map((v, j) => Math.max(0, v + bias[Math.floor(j / (g.h * g.w)) % g.c]!));
        assertPhysical(dx, packX(g, sum), packX(g, mask.map(() => 1)), terms);
      }));
    });

    const g = Object.values(variant.cases).find(isTypical) ?? Object.values(variant.cases)[0]!;
    const { x, w, dy } = data(g, 7);
    it("is the adjoint of forward: ⟨dy, conv(x)⟩ = ⟨dx, x⟩", test(async (gpu, t, scope) => {
      const forwards = dot(await forward(gpu, t, scope, g, x, w), packY(g, dy));
      assertClose([dot(await gradInput(gpu, t, scope, g, dy, w), packX(g, x))], [forwards], TOLERANCE.layer);
    }));
    it("undoes the fold of a large grid and repeats to the bit", test(async (gpu, t, scope) => {
      const once = await gradInput(gpu, t, scope, g, dy, w);
      await withGridLimit(gpu, 2, async () => assert.deepEqual(await gradInput(gpu, t, scope, g, dy, w), once));
      assert.deepEqual(await gradInput(gpu, t, scope, g, dy, w), once);
    }));
    it("gives an image the same bits alone and in a batch, whatever lies beside it", test(async (gpu, t, scope) => {
      for (const one of loneImages(g.groups)) {
        const alone = uniform(3, one.k * one.oh * one.ow);
        const batch = new Float64Array(5 * alone.length).fill(Infinity);
        batch.set(alone, 2 * alone.length);
        const filter = data(one, 4).w;
        const single = await gradInput(gpu, t, scope, one, alone, filter);
        assert.deepEqual((await gradInput(gpu, t, scope, { ...one, n: 5 }, batch, filter)).slice(2 * single.length, 3 * single.length), single);
      }
    }));
    it("refuses tensors that are too small by name", test(async (_gpu, t, scope) => {
      const room = (elements: number): Tensor => scope.tensor("t", [elements]);
      const all = { dy: room(outputElements(g)), w: room(weightElements(g)), dx: room(inputElements(g)) };
      for (const name of ["dy", "w", "dx"] as const) {
        assert.throws(() => convGradInput(t, g, { ...all, [name]: room(all[name].bytes / 4 - 4) }), { code: "SHAPE_MISMATCH", message: new RegExp(`conv2d-grad-input: expected ${name} to hold`) });
      }
      for (const name of ["residual", "mask"] as const) {
        assert.throws(() => convGradInput(t, g, { ...all, [name]: room(1) }), { code: "SHAPE_MISMATCH", message: new RegExp(`conv2d-grad-input: expected ${name} to hold`) });
      }
    }));
  });
}

export function describeGradWeight(variant: Variant): void {
  const test = harness(variant);
  describe(`${variant.name}, gradient of the weight`, () => {
    before(testGpu);
    after(closeTestGpu);

    Object.entries(variant.cases).forEach(([title, g], i) => {
      it(`matches the reference: ${title}`, test(async (gpu, t, scope) => {
        const { x, w, dy } = data(g, 100 * i);
        const dw = await gradWeight(gpu, t, scope, g, x, dy);
        assertPhysical(dw, packW(g, convolutionGradWeightReference(x, dy, g)), packW(g, w.map(() => 1)), g.n * g.oh * g.ow);
      }));
    });

    const sliced = (t: ConvTarget): ConvGeometry => Object.values(variant.cases).find((c) => productNeeds(t, "grad-weight", c).scratch.length > 0 && c.kh > 1)!;
    it("is the adjoint of forward in the weight: ⟨dy, conv(x, w)⟩ = ⟨dw, w⟩", test(async (gpu, t, scope) => {
      const g = sliced(t);
      const { x, w, dy } = data(g, 7);
      const forwards = dot(await forward(gpu, t, scope, g, x, w), packY(g, dy));
      assertClose([dot(await gradWeight(gpu, t, scope, g, x, dy), packW(g, w))], [forwards], TOLERANCE.layer);
    }));
    it("undoes the fold of a large grid and repeats to the bit", test(async (gpu, t, scope) => {
      const g = sliced(t);
      const { x, dy } = data(g, 7);
      const once = await gradWeight(gpu, t, scope, g, x, dy);
      await withGridLimit(gpu, 2, async () => assert.deepEqual(await gradWeight(gpu, t, scope, g, x, dy), once));
      assert.deepEqual(await gradWeight(gpu, t, scope, g, x, dy), once);
    }));
    it("keeps a long sum of one sign accurate", test(async (gpu, t, scope) => {
      const g = conv(1, 4, 300, 300, 4, 1, 1, 0, variant.cases === GROUPED ? 2 : 1);
      const ones = new Float64Array(4 * 90_000).fill(0.1);
      const dw = await gradWeight(gpu, t, scope, g, ones, ones);
      const exact = 90_000 * Math.fround(0.1) ** 2; // one running f32 sum of so many would be off by a few 1e-4
      assertClose(dw, packW(g, new Float64Array(g.k * (g.c / g.groups)).fill(exact)), { atol: 0, rtol: 2e-5 });
    }));
    it("refuses tensors that are too small by name", test(async (_gpu, t, scope) => {
      const g = sliced(t);
      const room = (elements: number): Tensor => scope.tensor("t", [elements]);
      const all = { x: room(inputElements(g)), dy: room(outputElements(g)), dw: room(weightElements(g)), scratch: productNeeds(t, "grad-weight", g).scratch.map(room) };
      for (const name of ["x", "dy", "dw"] as const) {
        assert.throws(() => convGradWeight(t, g, { ...all, [name]: room(all[name].bytes / 4 - 4) }), { code: "SHAPE_MISMATCH", message: new RegExp(`conv2d-grad-weight: expected ${name} to hold`) });
      }
      assert.throws(() => convGradWeight(t, g, { ...all, scratch: all.scratch.map(({ bytes }) => room(bytes / 4 - 4)) }), { code: "SHAPE_MISMATCH", message: /expected scratch to hold/ });
      assert.throws(() => convGradWeight(t, g, { ...all, scratch: [] }), { code: "SHAPE_MISMATCH", message: /expected scratch to hold \d+ elements, got 0/ });
    }));
  });
}

/** Runs plain steps and reads a canary-guarded output of `n` elements back; for the small kernels of this family. */
export async function runSteps(gpu: Gpu, n: number, steps: (output: Tensor, scope: Scope) => readonly Step[]): Promise<Float32Array> {
  const scope = gpu.scope("test");
  try {
    const output = canary(scope, "output", n, SENTINEL);
    return await runChecked(gpu, steps(output, scope), output, n, SENTINEL);
  } finally { scope.dispose(); }
}
