import assert from "node:assert/strict";
import { it } from "node:test";

import type { ConvGeometry } from "../../../services/engine/kernels/conv/geometry.ts";
import { variantsOf } from "../../../services/engine/kernels/conv/variants.ts";
import { conv, describeGradInput, GROUPED, LONG_STRIDES, SUBGROUP8, TILED } from "./suite.ts";

const variant = { name: "conv/grouped-grad-input", family: TILED, kernel: "grouped", cases: GROUPED };
describeGradInput(variant);
describeGradInput({ ...variant, name: "conv/grouped-grad-input, w as a texture", family: SUBGROUP8, textures: ["w"] });
describeGradInput({ ...variant, name: "conv/grouped-grad-input, dy and w as textures", family: SUBGROUP8, textures: ["dy", "w"] });

const longStrides = { ...variant, name: "conv/grouped-grad-input, one group and long strides", cases: LONG_STRIDES };
describeGradInput(longStrides);
describeGradInput({ ...longStrides, name: "conv/grouped-grad-input, one group and long strides, dy and w as textures", family: SUBGROUP8, textures: ["dy", "w"] });

it("serves one group only where an implicit GEMM would take more than 256 passes", () => {
  const kernelOf = (g: ConvGeometry): string => variantsOf(TILED(), "grad-input", g)[0]!.kernel;
  for (const g of Object.values(LONG_STRIDES)) assert.equal(kernelOf(g), "grouped");
  assert.notEqual(kernelOf(conv(1, 8, 40, 40, 8, 3, 16)), "grouped");
  assert.equal(kernelOf(conv(1, 8, 40, 40, 8, 3, [16, 17])), "grouped");
  assert.equal(kernelOf(conv(1, 3, 64, 64, 8, 32, 32)), "columns");
});
