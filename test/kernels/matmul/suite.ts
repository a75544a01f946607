import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";

import type { Gpu, KernelFamily } from "../../../services/engine/gpu/device.ts";
import { elements } from "../../../services/engine/gpu/tensor.ts";
import { matMul } from "../../../services/engine/kernels/matmul/mat-mul.ts";
import { product, productScratch, type ProductShapes } from "../../../services/engine/kernels/matmul/product.ts";
import { matMulReference } from "../../../services/engine/reference/matmul/mat-mul.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";

// The one body of tests that both product kernels must pass.

/** One of each; primes; one under, at and over the sides of every tile; long inner axes; transposed; batches of every kind. */
export const PRODUCTS: Readonly<Record<string, ProductShapes>> = {
  "one number": { a: [1, 1], b: [1, 1], y: [1, 1] },
  "primes": { a: [7, 13], b: [13, 5], y: [7, 5] },
  "8 rows, 16 columns": { a: [8, 3], b: [3, 16], y: [8, 16] },
  "9 rows, 17 columns": { a: [9, 5], b: [5, 17], y: [9, 17] },
  "31 × 6 × 31": { a: [31, 6], b: [6, 31], y: [31, 31] },
  "32 × 4 × 32": { a: [32, 4], b: [4, 32], y: [32, 32] },
  "33 × 17 × 33": { a: [33, 17], b: [17, 33], y: [33, 33] },
  "63 × 15 × 65": { a: [63, 15], b: [15, 65], y: [63, 65] },
  "64 × 16 × 64": { a: [64, 16], b: [16, 64], y: [64, 64] },
  "65 × 18 × 63": { a: [65, 18], b: [18, 63], y: [65, 63] },
  "130 × 70 × 129": { a: [130, 70], b: [70, 129], y: [130, 129] },
  "an inner axis in two parts": { a: [5, 1027], b: [1027, 6], y: [5, 6] },
  "a transposed": { a: [19, 34], b: [19, 35], y: [34, 35], transposeA: true },
  "b transposed": { a: [34, 19], b: [35, 19], y: [34, 35], transposeB: true },
  "both transposed": { a: [6, 11], b: [9, 6], y: [11, 9], transposeA: true, transposeB: true },
  "a batch of matrices": { a: [3, 2, 5, 7], b: [3, 2, 7, 4], y: [3, 2, 5, 4] },
  "one b for all": { a: [3, 11, 6], b: [6, 9], y: [3, 11, 9] },
  "one a for all": { a: [11, 6], b: [3, 6, 9], y: [3, 11, 9] },
  "axes of a and b in turn": { a: [2, 1, 3, 1, 4, 5], b: [1, 2, 1, 3, 5, 6], y: [2, 2, 3, 3, 4, 6] },
  "heads: the second axis of b alone": { a: [2, 3, 5, 4], b: [3, 4, 6], y: [2, 3, 5, 6] },
  "the gradient of one b for all": { a: [3, 11, 6], b: [3, 11, 9], y: [6, 9], transposeA: true },
  "the same over a long batch": { a: [50, 23, 6], b: [50, 23, 9], y: [6, 9], transposeA: true },
  "the gradient of one a for all": { a: [3, 11, 9], b: [3, 6, 9], y: [11, 6], transposeB: true },
  "the gradient of one row for all": { a: [3, 1, 9], b: [3, 6, 9], y: [1, 6], transposeB: true },
  "the gradient of heads": { a: [2, 3, 5, 4], b: [2, 3, 5, 6], y: [3, 4, 6], transposeA: true },
  "the gradient of axes in turn": { a: [2, 2, 3, 3, 4, 6], b: [1, 2, 1, 3, 5, 6], y: [2, 1, 3, 1, 4, 5], transposeB: true },
};

/** @param familyOf undefined where the adapter lacks what the kernel needs. */
export function describeProducts(name: string, familyOf: (gpu: Gpu) => KernelFamily | undefined): void {
  describe(name, () => {
    let gpu: Gpu;
    let family: KernelFamily | undefined;
    before(async () => { gpu = await testGpu(); family = familyOf(gpu); });
    after(closeTestGpu);

    const test = (body: () => Promise<void>) => async (t: TestContext): Promise<void> => {
      if (family) await body();
      else t.skip(`${gpu.adapter.description} is not of the family of ${name}`);
    };
    const run = async (shapes: ProductShapes, a: ArrayLike<number>, b: ArrayLike<number>): Promise<Float32Array> => (await launch(gpu, { y: elements(shapes.y) }, (scope, { y }) => {
      const shape = product(shapes);
      const scratch = productScratch(shape) > 0 ? scope.tensor("scratch", [productScratch(shape)]) : undefined;
      return matMul(family!, uploadF32(scope, "a", a), uploadF32(scope, "b", b), y, shape, scratch);
    })).y;
    const operands = ({ a, b }: ProductShapes, seed = 1): [Float64Array, Float64Array] => [uniform(seed, elements(a)), uniform(seed + 1, elements(b))];

    for (const [title, shapes] of Object.entries(PRODUCTS)) it(`matches the reference: ${title}`, test(async () => {
      const [a, b] = operands(shapes);
      const summed = (elements(shapes.a) * elements(shapes.b)) / elements(shapes.y); // at least the numbers behind each sum
      assertClose(await run(shapes, a, b), matMulReference(a, b, shapes), TOLERANCE.reduction(Math.min(summed, 2000)));
    }));

    it("gives back what is multiplied by the identity, to the bit", test(async () => {
      const shapes: ProductShapes = { a: [2, 33, 21], b: [21, 21], y: [2, 33, 21] };
      const a = uniform(3, elements(shapes.a));
      assert.deepEqual(await run(shapes, a, Float64Array.from({ length: 441 }, (_, i) => Number(i % 22 === 0))), Float32Array.from(a));
    }));

    it("gives a row the same bits in any batch and in any tile", test(async () => {
      const all: ProductShapes = { a: [40, 3, 37], b: [37, 20], y: [40, 3, 20] };
      const one: ProductShapes = { a: [1, 3, 37], b: [37, 20], y: [1, 3, 20] };
      const [a, b] = operands(all);
      const whole = await run(all, a, b);
      for (const i of [0, 17, 39]) assert.deepEqual(await run(one, a.slice(i * 111, (i + 1) * 111), b), whole.slice(i * 60, (i + 1) * 60));
    }));

    it("keeps an infinity inside the numbers that it belongs to", test(async () => {
      const shapes: ProductShapes = { a: [2, 2, 5], b: [2, 5, 3], y: [2, 2, 3] };
      const [a, b] = operands(shapes);
      const reached = await run(shapes, a.with(12, Infinity), b.with(29, -Infinity)); // a[1, 0, 2] and b[1, 4, 2]
      const clean = await run(shapes, a, b);
      assert.deepEqual(reached.subarray(0, 6), clean.subarray(0, 6));
      assert.deepEqual([...reached].slice(6).map(Number.isFinite), [false, false, false, true, true, false]);
    }));

    it("undoes the fold of a large grid and repeats to the bit", test(async () => {
      const shapes = PRODUCTS["the gradient of heads"]!;
      const large: ProductShapes = { a: [5, 70, 9], b: [5, 9, 70], y: [5, 70, 70] };
      for (const each of [shapes, large]) {
        const [a, b] = operands(each);
        const once = await run(each, a, b);
        await withGridLimit(gpu, 3, async () => assert.deepEqual(await run(each, a, b), once));
        assert.deepEqual(await run(each, a, b), once);
      }
    }));

    it("refuses tensors that are too small by name", test(async () => {
      const scope = gpu.scope("test");
      const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [64])];
      const plain = product({ a: [3, 3], b: [3, 3], y: [3, 3] });
      assert.throws(() => matMul(family!, short, long, long, plain), { code: "SHAPE_MISMATCH", message: /matmul: expected a to hold 9/ });
      assert.throws(() => matMul(family!, long, short, long, plain), { code: "SHAPE_MISMATCH", message: /expected b to hold 9/ });
      assert.throws(() => matMul(family!, long, long, short, plain), { code: "SHAPE_MISMATCH", message: /expected y to hold 9/ });
      const parts = product({ a: [2, 3, 3], b: [3, 3], y: [2, 3, 3] });
      assert.equal(productScratch(parts), 0);
      const summed = product({ a: [2, 3, 3], b: [2, 3, 3], y: [3, 3], transposeB: true });
      assert.equal(productScratch(summed), 18);
      assert.throws(() => matMul(family!, long, long, long, summed), { code: "SHAPE_MISMATCH", message: /expected scratch to hold 18/ });
      scope.dispose();
    }));
  });
}
