import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { importModelConfigSchema } from "../../schema/jobs/run-config.ts";
import type { Gpu } from "../../services/engine/gpu/device.ts";
import { type BroughtModel, readModel } from "../../services/lab/models/brought/read-model.ts";
import { broughtMissing, CIFAR_FILES, CIFAR_SHAPE, NORMALISATION } from "../support/brought.ts";
import { assertMapsClose, cifarImages, limitOf } from "../support/cifar.ts";
import { assertClose, relativeL2 } from "../support/close.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { explainedOnGpu } from "../support/imported.ts";
import { readNpy } from "../support/npy.ts";
import { golden, goldenEntry, sharedFile, sharedPath } from "../support/shared.ts";

/** As an import reads them: `from` and shape of a config, bytes of a file. */
function read(path: string, description: { architecture: string | null; inputShape: readonly number[]; classCount: number; mean: readonly number[]; std: readonly number[] }): Promise<BroughtModel> {
  const { architecture, mean, std, ...shape } = description;
  const file = { path: "/" };
  const from = architecture === null ? { kind: "onnx", file } : { kind: "state-dict", file, architecture };
  return readModel(sharedFile(path), importModelConfigSchema.parse({ kind: "import-model", name: "brought", from, normalisation: { mean, std }, ...shape }));
}

/** Published files in every format against what PyTorch makes of them; goldens/README.md says which distances mean agreement. */
describe("networks that are brought", { skip: broughtMissing() }, () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  for (const { file, golden: name, architecture } of CIFAR_FILES) {
    it(`${file}: logits, and gradients of the true logit, of 40 images`, async (t) => {
      const model = await read(`models/cifar10/${file}`, { architecture, ...CIFAR_SHAPE, ...NORMALISATION[name] });
      const { x, labels } = cifarImages(golden("common/images_u8.npy"), golden("common/labels.npy"));
      const { logits, gradient } = await explainedOnGpu(gpu, model, x, [...labels]);
      assertClose(logits, golden(`${name}/logits.npy`).data, { rtol: 1e-3, atol: 1e-5 * goldenEntry(`${name}/logits.npy`).scale_max_abs! });
      assertMapsClose(t, "gradients", Float32Array.from(gradient), golden(`${name}/saliency_logit.npy`).data, limitOf(`${name}/saliency_logit.npy`));
    });
  }

  it("SqueezeNet 1.1: safetensors give the outputs stored beside the ONNX file, and its gradients", async (t) => {
    const sets = [0, 1, 2].map((i) => sharedPath(`models/squeezenet1.1/test_data_set_${i}`));
    const images = Float32Array.from(sets.flatMap((set) => [...readNpy(`${set}/input_0.npy`).data]));
    const stored = sets.flatMap((set) => [...readNpy(`${set}/output_0.npy`).data]);
    const shape = { inputShape: [3, 224, 224], classCount: 1000, mean: [0, 0, 0], std: [1, 1, 1] }; // what is stored is normalised already
    const [weights, onnx] = await Promise.all([read("models/squeezenet1.1/squeezenet1.1.safetensors", { architecture: "squeezenet1-1", ...shape }), read("models/squeezenet1.1/squeezenet1.1.onnx", { architecture: null, ...shape })]);
    const [own, other] = [await explainedOnGpu(gpu, weights, images, [0, 1, 2]), await explainedOnGpu(gpu, onnx, images, [0, 1, 2])];
    assertClose(own.logits, stored, { rtol: 1e-4, atol: 1e-3 }); // up to 296
    const off = relativeL2(own.gradient, other.gradient);
    t.diagnostic(`gradients of the two files: relative l2 ${off.toExponential(1)}`);
    assert.ok(off < 1e-3 && Array.from(own.gradient).some((value) => value !== 0), String(off));
  });
});
