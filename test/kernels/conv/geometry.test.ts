import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { asOneRow, convGeometry, linearGeometry, weightElements, weightRows } from "../../../services/engine/kernels/conv/geometry.ts";
import { gradInputPasses } from "../../../services/engine/kernels/conv/implicit-gemm.ts";
import { flatSlices, rowSlices } from "../../../services/engine/kernels/conv/slices.ts";

const input = { n: 2, c: 6, h: 9, w: 8 };
const filter = { k: 4, kh: 3, kw: 3, stride: 2, padding: 1, groups: 1 };

describe("conv geometry", () => {
  it("rounds the output down, as PyTorch does", () => {
    const { oh, ow } = convGeometry(input, filter);
    assert.deepEqual([oh, ow], [5, 4]);
    assert.equal(convGeometry(input, { ...filter, kh: 5, padding: 0 }).oh, 3);
  });

  it("takes each axis and each side for itself", () => {
    const { oh, ow } = convGeometry(input, { ...filter, kw: 2, stride: [1, 3], padding: [0, 1, 2, 4], dilation: [3, 2] });
    assert.deepEqual([oh, ow], [9 + 2 - 7 + 1, Math.floor((8 + 5 - 3) / 3) + 1]);
    assert.deepEqual(convGeometry(input, { ...filter, padding: [1, 1, 1, 1], stride: [2, 2], dilation: 1 }), convGeometry(input, filter));
  });

  it("pads the stored input channels only where there is one group", () => {
    assert.equal(weightRows(convGeometry(input, filter)), 8);
    assert.equal(weightRows(convGeometry(input, { ...filter, groups: 2 })), 3);
    assert.equal(weightElements(convGeometry(input, filter)), 9 * 8 * 4);
  });

  it("sees a linear layer as one row of pixels, and makes one of any convolution that looks at single pixels", () => {
    const linear = linearGeometry(7, 12, 10);
    assert.deepEqual([linear.n, linear.h, linear.w, linear.oh, linear.ow, linear.c, linear.k], [1, 1, 7, 1, 7, 12, 10]);
    const single = convGeometry(input, { ...filter, kh: 1, kw: 1, stride: 1, padding: 0 });
    assert.deepEqual([asOneRow(single).n, asOneRow(single).w, asOneRow(single).ow], [1, 144, 144]);
    for (const other of [{ kh: 1, kw: 1 }, { kh: 1, kw: 1, stride: 1 }, { padding: 0 }]) {
      const g = convGeometry(input, { ...filter, ...other });
      assert.equal(asOneRow(g), g);
    }
  });

  it("reaches every input pixel and every tap exactly once over the residue classes of backward-data", () => {
    for (const [kh, stride, padding, dilation] of [[3, 2, 1, 1], [4, 2, 1, 1], [1, 3, 0, 1], [7, 2, 3, 1], [2, 3, 1, 1], [3, 2, 1, 2], [2, 3, 2, 2], [3, 4, 1, 2], [2, 2 ** 27, 0, 1]] as const) {
      const passes = gradInputPasses(convGeometry(input, { ...filter, kh, kw: kh, stride, padding, dilation }));
      assert.equal(passes.reduce((sum, p) => sum + p.scalars.rows, 0), input.n * input.h * input.w);
      assert.equal(passes.reduce((sum, p) => sum + p.scalars.taps_y * p.scalars.taps_x, 0), kh * kh);
    }
  });

  it("cuts the pixels into slices that cover each once, whatever is wanted", () => {
    const geometries = [convGeometry({ n: 64, c: 4, h: 32, w: 32 }, { ...filter, stride: 1 }), convGeometry(input, filter), linearGeometry(1, 4, 4), linearGeometry(5000, 4, 4)];
    for (const g of geometries) for (const wanted of [1, 7, 512]) {
      const flat = flatSlices(g, 1, wanted);
      assert.equal(flat.slices, Math.ceil(flat.pixels / flat.pixelsPerSlice));
      assert.ok(flat.pixelsPerSlice <= 2048);
      const rows = rowSlices(g, 1, wanted);
      assert.ok(rows.colSlices === 1 || rows.rowsPerSlice === 1);
      assert.equal(rows.slices, Math.ceil((g.n * g.oh) / rows.rowsPerSlice) * Math.ceil(g.ow / rows.colsPerSlice));
      assert.ok(rows.rowsPerSlice * Math.min(rows.colsPerSlice, g.ow) <= 2048);
    }
  });

  it("refuses what is not a convolution by name", () => {
    const refuses = (change: object, message: RegExp): void => {
      assert.throws(() => convGeometry({ ...input, ...change }, { ...filter, ...change }), { code: "SHAPE_MISMATCH", message });
    };
    refuses({ n: 0 }, /conv2d: expected n to be a positive integer, got 0/);
    refuses({ stride: 1.5 }, /conv2d: expected stride to be a positive integer/);
    refuses({ padding: -1 }, /conv2d: expected padding to be an integer ≥ 0, got -1/);
    refuses({ padding: [0, 0, 1.5, 0] }, /conv2d: expected padding to be an integer ≥ 0, got 0,0,1.5,0/);
    refuses({ stride: [1, 0] }, /conv2d: expected stride across to be a positive integer, got 0/);
    refuses({ dilation: 0 }, /conv2d: expected dilation to be a positive integer, got 0/);
    refuses({ dilation: [1, 5] }, /conv2d: expected a window inside 11×10 padded pixels, got 3×11/);
    refuses({ padding: [0, 0, -7, 0] }, /conv2d: expected a window inside 2×8 padded pixels, got 3×3/);
    refuses({ stride: 2 ** 30 }, /conv2d: expected padded sides, strides and dilations of at most 268435456, got 1073741824/);
    refuses({ groups: 4 }, /conv2d: expected groups to divide 6 and 4 channels, got 4/);
    refuses({ kw: 11 }, /conv2d: expected a window inside 11×10 padded pixels, got 3×11/);
    assert.throws(() => linearGeometry(1, 10, 4), { code: "SHAPE_MISMATCH", message: /linear: expected a physical row length \(a multiple of 4\), got 10/ });
    assert.throws(() => linearGeometry(0, 8, 4), { code: "SHAPE_MISMATCH", message: /linear: expected n/ });
  });
});
