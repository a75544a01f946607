import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../services/engine/gpu/device.ts";
import { widened } from "../../services/engine/gpu/widen.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { assertDerivatives, assertPlanAgrees, firstRows } from "../support/network-checks.ts";
import { axisMapNetworks } from "./families/axis-maps.ts";
import { broadcastNetworks } from "./families/broadcast.ts";
import { convolutionNetworks } from "./families/convolution.ts";
import { elementwiseNetworks } from "./families/elementwise.ts";
import { groupNormNetworks } from "./families/group-norm.ts";
import { matMulNetworks } from "./families/matmul.ts";
import type { OperatorNetwork } from "./families/operator-network.ts";
import { poolNetworks } from "./families/pool.ts";
import { shapeNetworks } from "./families/shape.ts";
import { softmaxNetworks } from "./families/softmax.ts";

const families: Readonly<Record<string, readonly OperatorNetwork[]>> = { elementwise: elementwiseNetworks, broadcast: broadcastNetworks, shape: shapeNetworks, convolution: convolutionNetworks, pool: poolNetworks, "axis map": axisMapNetworks, "matrix product": matMulNetworks, softmax: softmaxNetworks, "group norm": groupNormNetworks };

let gpu: Gpu;
before(async () => { gpu = await testGpu(); });
after(closeTestGpu);

for (const [family, networks] of Object.entries(families)) {
  describe(`the ${family} operators in a network`, () => {
    for (const { title, build, large } of networks) {
      if (!large) it(`${title}: gradients are the derivatives of the f64 forward pass`, () => { assertDerivatives(build(2), "eval"); });
      it(`${title}: a plan on the device agrees with the f64 interpreter`, () => assertPlanAgrees(gpu, build(2), "eval"));
      it(`${title}: an image's bits do not depend on its batch`, async () => { assert.deepEqual(await firstRows(gpu, build, 5, 2), await firstRows(gpu, build, 2, 2)); });
      it(`${title}: wide workgroups, which GPUs get, change no bit`, async () => {
        assert.deepEqual(await firstRows(gpu, build, 2, 2, (dispatch) => widened(dispatch, { kind: "workgroup" })), await firstRows(gpu, build, 2, 2));
      });
    }
  });
}
