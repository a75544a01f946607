import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";

import type { Gpu } from "../../services/engine/gpu/device.ts";
import { Session } from "../../services/lab/session.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { mapsOf, pgdOf, pick, predictionsOf, randomImages } from "../support/lab.ts";
import { mebibytes, networkByFormula, peaksOf } from "../support/memory.ts";

const GIB = 2 ** 30;

describe("memory of 224×224 networks", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const bounded = async (t: TestContext, name: string, attack: { readonly images: number; readonly steps: number }, bound: number): Promise<void> => {
    const { device, resident } = await peaksOf(gpu, async () => {
      const session = new Session(gpu);
      try {
        const network = networkByFormula(session, name);
        const images = randomImages(network, attack.images, 3);
        const { prediction } = await predictionsOf(session, network, images.x, 1);
        const predicted = { ...images, labels: Uint32Array.from(prediction) }; // of a random network's other logits, SqueezeNet's last ReLU leaves many without a gradient
        const { maps, gap } = await mapsOf(session, network, { steps: 50 }, pick(predicted, [0]), 1);
        assert.ok(maps.some((v) => v !== 0) && maps.every(Number.isFinite) && gap.every(Number.isFinite));
        const { result } = await pgdOf(session, network, { epsilon: 4 / 255, steps: attack.steps }, predicted, attack.images);
        assert.ok(result.detail!.every(({ linf }) => linf! > 0));
      } finally { session.dispose(); }
    });
    t.diagnostic(`${name}, IG-50 of one image and PGD-${attack.steps} of ${attack.images}: at most ${mebibytes(device)} on the device, resident memory up by ${mebibytes(resident)} at its peak`);
    assert.ok(device < bound, `${device} bytes on the device`);
    assert.ok(resident < bound, `resident memory grew by ${resident} bytes`);
  };

  it("is below 1 GiB for SqueezeNet 1.1: IG-50 of an image, PGD-10 of four", (t) => bounded(t, "squeezenet1-1", { images: 4, steps: 10 }, GIB));

  // Steps take no memory, and a launch holds more than four images: PGD-10 of four would only take half a minute more.
  it("is below 2 GiB for ResNet-50: IG-50 of an image, PGD-2 of two", (t) => bounded(t, "resnet50", { images: 2, steps: 2 }, 2 * GIB));
});
