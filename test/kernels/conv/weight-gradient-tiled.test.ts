import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { type ConvGeometry, linearGeometry, weightElements } from "../../../services/engine/kernels/conv/geometry.ts";
import { sumSlices } from "../../../services/engine/kernels/conv/sum-slices.ts";
import { tiledSlices, WEIGHT_TILES, weightGradientTiled } from "../../../services/engine/kernels/conv/weight-gradient-tiled.ts";
import { convolutionGradWeightReference } from "../../../services/engine/reference/conv/convolution-grad-weight.ts";
import { closeTestGpu, testGpu } from "../../support/gpu.ts";
import { assertPhysical, conv, data, DENSE, describeGradWeight, guarded, packW, packX, packY, runSteps, TILED } from "./suite.ts";

describeGradWeight({ name: "conv/weight-gradient-tiled", family: TILED, cases: DENSE });

// Beside the shapes of every variant: one under, at and over the sides of the tiles and slabs.
const CASES: Readonly<Record<string, ConvGeometry>> = {
  ...DENSE,
  "linear 7 × 28 → 36": linearGeometry(7, 28, 36),
  "linear 8 × 32 → 28": linearGeometry(8, 32, 28),
  "linear 17 × 132 → 60": linearGeometry(17, 132, 60),
  "linear 16 × 64 → 64": linearGeometry(16, 64, 64),
  "linear 15 × 124 → 68": linearGeometry(15, 124, 68),
  "3×3 stride 2, 64 → 64 channels": conv(2, 64, 9, 10, 64, 3, 2, 1),
};

describe("conv/weight-gradient-tiled, every tile", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  Object.entries(CASES).forEach(([title, g], i) => {
    for (const tile of WEIGHT_TILES) {
      it(`matches the reference with ${tile}: ${title}`, async () => {
        const { x, w, dy } = data(g, 100 * i);
        const slices = tiledSlices(g, tile);
        const dw = await runSteps(gpu, weightElements(g), (y, scope) => {
          const part = scope.tensor("part", [slices * weightElements(g)]);
          return [weightGradientTiled(g, guarded(scope, "x", packX(g, x)), guarded(scope, "dy", packY(g, dy)), part, tile), sumSlices(part, y, { slices, n: weightElements(g) })];
        });
        assertPhysical(dw, packW(g, convolutionGradWeightReference(x, dy, g)), packW(g, w.map(() => 1)), g.n * g.oh * g.ow);
      });
    }
  });
});
