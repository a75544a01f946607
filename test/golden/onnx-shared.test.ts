import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../services/engine/gpu/device.ts";
import { importOnnx } from "../../services/lab/models/onnx/import-onnx.ts";
import { assertClose, relativeL2 } from "../support/close.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { explainedOnGpu } from "../support/imported.ts";
import { readNpy } from "../support/npy.ts";
import { golden, sharedMissing, sharedPath } from "../support/shared.ts";

const squeezenet = sharedPath("models/squeezenet1.1");
const missing = sharedMissing() ?? (existsSync(squeezenet) ? undefined : `needs shared models: set LORENZ_SHARED (no ${squeezenet})`);

describe("published ONNX files", { skip: missing }, () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  it("ResNet-2B: PyTorch's logits and gradients of the true logit, 40 images, though exported for one", async (t) => {
    const network = importOnnx(readFileSync(sharedPath("models/cifar10/resnet_2b.onnx")), { normalisation: { mean: [0.4914, 0.4822, 0.4465], std: [0.2471, 0.2435, 0.2616] } });
    const image = Float32Array.from(golden("common/images_u8.npy").data, (v) => v / 255);
    const { logits, gradient } = await explainedOnGpu(gpu, network, image, Array.from(golden("common/labels.npy").data));
    assertClose(logits, golden("resnet2b/logits.npy").data, { rtol: 1e-3, atol: 1e-4 });
    const off = relativeL2(gradient, golden("resnet2b/saliency_logit.npy").data);
    t.diagnostic(`gradients: relative l2 ${off}`);
    assert.ok(off < 1e-5);
  });

  it("SqueezeNet 1.1: the outputs stored beside it", async (t) => {
    const network = importOnnx(readFileSync(`${squeezenet}/squeezenet1.1.onnx`));
    const sets = [0, 1, 2].map((i) => ({ image: readNpy(`${squeezenet}/test_data_set_${i}/input_0.npy`).data, output: readNpy(`${squeezenet}/test_data_set_${i}/output_0.npy`).data }));
    const image = Float32Array.from(sets.flatMap((set) => Array.from(set.image)));
    const { logits } = await explainedOnGpu(gpu, network, image, [0, 1, 2]);
    const expected = sets.flatMap(({ output }) => Array.from(output));
    t.diagnostic(`logits: relative l2 ${relativeL2(logits, expected)}`);
    assertClose(logits, expected, { rtol: 1e-4, atol: 1e-3 }); // up to 296
  });
});
