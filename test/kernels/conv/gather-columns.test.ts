import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { packActivation, packVector } from "../../../services/engine/graph/layout.ts";
import { convGradInput, productNeeds } from "../../../services/engine/kernels/conv/convolution.ts";
import { bindEpilogue } from "../../../services/engine/kernels/conv/epilogue.ts";
import { gatherColumns } from "../../../services/engine/kernels/conv/gather-columns.ts";
import { byColumns, columnPitch, convGeometry, type ConvGeometry, inputElements, linearGeometry, outputElements } from "../../../services/engine/kernels/conv/geometry.ts";
import { transposedElements } from "../../../services/engine/kernels/conv/transpose-weight.ts";
import { describePair, describeSides, type Pair, type Sides } from "../../../services/engine/kernels/window.ts";
import { gatherColumnsReference } from "../../../services/engine/reference/conv/gather-columns.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";
import { guarded, runSteps } from "./suite.ts";

const conv = (n: number, c: number, h: number, w: number, k: number, [kh, kw]: Pair, stride: number | Pair, padding: number | Sides): ConvGeometry =>
  convGeometry({ n, c, h, w }, { k, kh, kw, stride, padding, groups: 1 });

// The gradients that go by columns run in the suite of every variant; this is the gathering alone.
describe("conv/gather-columns", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const matrix = (g: ConvGeometry): Float64Array => uniform(g.c, g.n * g.oh * g.ow * columnPitch(g));
  const run = (g: ConvGeometry, columns: Float64Array, given: Partial<Record<"bias" | "residual" | "mask", Float32Array>> = {}): Promise<Float32Array> => runSteps(gpu, inputElements(g), (dx, scope) => {
    const matrix = guarded(scope, "columns", Float32Array.from(columns));
    const extras = Object.fromEntries(Object.entries(given).map(([name, values]) => [name, uploadF32(scope, name, values)]));
    const { flags, buffers } = bindEpilogue("test", extras, g.c, inputElements(g), matrix);
    return [gatherColumns(g, { flags, buffers: [matrix, ...buffers, dx] })];
  });

  // Invocations, each 4 pixels of a row: 1; 7, 8 and 9; many. Rows that end inside a quad and at its end; every count of channels.
  const cases = [
    conv(1, 1, 1, 1, 1, [1, 1], 1, 0), conv(1, 3, 7, 3, 1, [3, 3], 1, 1), conv(2, 1, 4, 4, 1, [4, 4], 2, 1), conv(1, 2, 3, 11, 1, [2, 3], 1, 0),
    conv(3, 1, 28, 28, 1, [4, 4], 2, 1), conv(2, 4, 12, 9, 1, [4, 3], 3, 1), conv(2, 2, 8, 10, 1, [2, 2], 3, 0), conv(1, 3, 13, 11, 1, [7, 7], 2, 3), conv(1, 3, 9, 30, 1, [5, 5], 4, 2),
    conv(2, 3, 9, 11, 1, [3, 4], [1, 3], [0, 2, 2, 1]), conv(2, 1, 8, 7, 1, [3, 3], [3, 1], [2, 0, -1, 4]),
  ];
  for (const g of cases) {
    it(`matches the reference: ${g.c}×${g.h}×${g.w}, n ${g.n}, ${g.kh}×${g.kw} stride ${describePair(g.stride)} padding ${describeSides(g.padding)}`, async () => {
      const expected = packActivation(gatherColumnsReference(matrix(g), g, columnPitch(g)), [g.n, g.c, g.h, g.w]);
      assertClose(await run(g, matrix(g)), expected, TOLERANCE.reduction(g.kh * g.kw));
    });
  }

  it("starts from a bias", async () => {
    const g = conv(2, 3, 6, 5, 1, [3, 3], 2, 1);
    const bias = Float64Array.of(1, -2, 3);
    const sum = gatherColumnsReference(matrix(g), g, columnPitch(g)).map((v, i) => v + bias[Math.floor(i / 30) % 3]!);
    assertClose(await run(g, matrix(g), { bias: packVector(bias) }), packActivation(sum, [g.n, g.c, g.h, g.w]), TOLERANCE.reduction(10));
  });

  it("adds a residual, then masks", async () => {
    const g = conv(2, 3, 6, 5, 1, [3, 3], 2, 1);
    const shape = [g.n, g.c, g.h, g.w] as const;
    const count = g.n * g.c * g.h * g.w;
    const [residual, mask] = [uniform(8, count), uniform(9, count)];
    const sum = gatherColumnsReference(matrix(g), g, columnPitch(g)).map((v, i) => (mask[i]! > 0 ? v + residual[i]! : 0));
    assertClose(await run(g, matrix(g), { residual: packActivation(residual, shape), mask: packActivation(mask, shape) }), packActivation(sum, shape), TOLERANCE.reduction(9));
  });

  it("hands out every column that falls inside the image, once", async () => {
    const g = conv(2, 1, 8, 9, 1, [3, 3], 1, 0); // no padding, stride 1: every column does
    const dx = await run(g, new Float64Array(matrix(g).length).map((_, i) => (i % columnPitch(g) < 9 ? 1 : 0)));
    assert.equal(dx.reduce((a, b) => a + b), g.n * g.oh * g.ow * 9);
  });

  it("undoes the fold of a large grid and repeats to the bit", async () => {
    const g = conv(3, 1, 28, 28, 1, [4, 4], 2, 1);
    const once = await run(g, matrix(g));
    await withGridLimit(gpu, 3, async () => assert.deepEqual(await run(g, matrix(g)), once));
    assert.deepEqual(await run(g, matrix(g)), once);
  });

  it("serves first layers whose matrix is no larger than the gradient, and no linear layer", () => {
    const served = (c: number, k: number, kernel: number): boolean => byColumns(conv(1, c, 9, 9, k, [kernel, kernel], 1, 0));
    assert.deepEqual([served(1, 16, 4), served(1, 12, 4), served(3, 64, 3), served(3, 64, 7), served(4, 36, 3), served(5, 64, 3), served(3, 64, 1)], [true, false, true, false, true, false, false]);
    assert.equal(byColumns(linearGeometry(8, 4, 100)), false);
    const patches = (stride: number): boolean => byColumns(conv(1, 3, 16, 16, 8, [4, 4], stride, 0));
    assert.deepEqual([patches(3), patches(4), patches(5)], [false, true, true]);
    assert.equal(byColumns(convGeometry({ n: 1, c: 3, h: 9, w: 9 }, { k: 64, kh: 3, kw: 3, stride: 1, padding: 0, dilation: 2, groups: 1 })), false);
    const g = conv(2, 1, 9, 9, 16, [4, 4], 2, 1);
    assert.equal(productNeeds(gpu, "grad-input", g).scratch[0], outputElements(g));
  });

  it("is refused a scratch that is missing or too small by name", () => {
    const scope = gpu.scope("test");
    const g = conv(2, 1, 9, 9, 16, [4, 4], 2, 1);
    const all = { dy: scope.tensor("dy", [outputElements(g)]), w: scope.tensor("w", [transposedElements(g)]), dx: scope.tensor("dx", [inputElements(g)]) };
    const message = (got: number): RegExp => new RegExp(`conv2d-grad-input: expected scratch to hold ${2 * 16 * 16} elements, got ${got}`);
    assert.throws(() => convGradInput(gpu, g, all), { code: "SHAPE_MISMATCH", message: message(0) });
    assert.throws(() => convGradInput(gpu, g, { ...all, scratch: [scope.tensor("s", [100])] }), { code: "SHAPE_MISMATCH", message: message(100) });
    scope.dispose();
  });
});
