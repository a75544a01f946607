import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { operandElements, partsOf, product, productScratch, resultElements } from "../../../services/engine/kernels/matmul/product.ts";

describe("the product of batched matrices", () => {
  it("makes rows of a batch that shares its right operand, so a linear layer is one product", () => {
    const { m, k, n, kept, summed } = product({ a: [4, 197, 192], b: [192, 768], y: [4, 197, 768] });
    assert.deepEqual({ m, k, n, kept, summed }, { m: 788, k: 192, n: 768, kept: [], summed: [] });
    const gradient = product({ a: [4, 197, 768], b: [192, 768], y: [4, 197, 192], transposeB: true });
    assert.deepEqual([gradient.m, gradient.kept], [788, []]);
  });

  it("makes one sum of the gradient of a shared right operand, in parts of bounded length", () => {
    const gradient = product({ a: [10, 4, 197, 192], b: [10, 4, 197, 768], y: [192, 768], transposeA: true });
    assert.deepEqual([gradient.m, gradient.k, gradient.n, gradient.summed], [192, 7880, 768, []]);
    assert.deepEqual([gradient.slices, gradient.sliceK, productScratch(gradient)], [8, 1024, 8 * 192 * 768]);
  });

  it("bounds the count of parts of a very long sum", () => {
    const { slices, sliceK } = product({ a: [2, 1_000_000], b: [1_000_000, 2], y: [2, 2] });
    assert.deepEqual([slices, sliceK], [64, 15_625]);
  });

  it("cuts the inner axis by its length alone, not by the batch", () => {
    for (const n of [1, 2, 500]) assert.deepEqual(partsOf(product({ a: [n, 3, 3000], b: [3000, 5], y: [n, 3, 5] })), 3);
  });

  it("joins axes that lie as one and keeps those of broadcast operands apart", () => {
    assert.deepEqual(product({ a: [2, 3, 5, 4], b: [2, 3, 4, 6], y: [2, 3, 5, 6] }).kept, [{ size: 6, a: 20, b: 24 }]);
    assert.deepEqual(product({ a: [2, 3, 5, 4], b: [3, 4, 6], y: [2, 3, 5, 6] }).kept, [{ size: 2, a: 60, b: 0 }, { size: 3, a: 20, b: 24 }]);
    assert.deepEqual(product({ a: [2, 3, 5, 4], b: [2, 3, 5, 6], y: [3, 4, 6], transposeA: true }).summed, [{ size: 2, a: 60, b: 90 }]);
  });

  it("knows how much each tensor holds", () => {
    const shape = product({ a: [2, 3, 5, 4], b: [3, 4, 6], y: [2, 3, 5, 6] });
    assert.deepEqual([operandElements(shape, "a"), operandElements(shape, "b"), resultElements(shape)], [120, 72, 180]);
  });

  it("refuses shapes that are no product", () => {
    for (const [a, b, y] of [[[2, 3], [4, 5], [2, 5]], [[2, 3], [3, 5], [2, 4]], [[2, 3], [3, 5], [3, 5]], [[2, 2, 3], [3, 3, 5], [3, 2, 5]], [[2, 2, 3], [2, 3, 5], [3, 2, 5]]] as const) {
      assert.throws(() => product({ a, b, y }), { code: "SHAPE_MISMATCH", message: /matmul: expected the shapes of a product, got \[/ });
    }
  });
});
