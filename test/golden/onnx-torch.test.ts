import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../services/engine/gpu/device.ts";
import { importOnnx, type ImportedNetwork } from "../../services/lab/models/onnx/import-onnx.ts";
import { writeOnnx } from "../../services/lab/models/onnx/write-onnx.ts";
import { readSafetensors } from "../../services/lab/models/weights/safetensors.ts";
import { assertClose, relativeL2, TOLERANCE } from "../support/close.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { type Explained, explainedInF64, explainedOnGpu } from "../support/imported.ts";
import { runtime } from "../support/onnx.ts";

interface Fixture { readonly network: ImportedNetwork; readonly image: Float32Array; readonly labels: readonly number[]; readonly shape: readonly number[]; readonly expected: Explained }

function fixture(name: string): Fixture {
  const bytes = (kind: string): Buffer => readFileSync(new URL(`../fixtures/onnx/${name}.${kind}`, import.meta.url));
  const { tensors, metadata } = readSafetensors(bytes("safetensors"));
  const data = (tensor: string): Float32Array => tensors.get(tensor)!.data;
  return { network: importOnnx(bytes("onnx")), image: data("image"), shape: tensors.get("image")!.shape, labels: JSON.parse(metadata.labels!) as number[], expected: { logits: data("logits"), gradient: data("gradient") } };
}

/** What the file's name does not say. */
const NETWORKS: Readonly<Record<string, { readonly operators: readonly string[]; readonly warnings: readonly string[] }>> = {
  resnet18: { operators: ["BatchNormalization", "GlobalAveragePool"], warnings: ["FIXED_BATCH"] },
  densenet121: { operators: ["Concat", "BatchNormalization", "AveragePool"], warnings: [] },
  mobilenet_v2: { operators: ["Clip"], warnings: [] },
  vgg11_bn: { operators: ["MaxPool", "Gemm"], warnings: [] },
  vit: { operators: ["ReduceMean", "Softmax", "Erf", "Expand"], warnings: [] },
  vit_fixed: { operators: ["LayerNormalization"], warnings: ["FIXED_BATCH"] },
  timm_vit: { operators: ["LayerNormalization", "Expand"], warnings: ["SOFTMAX_HEAD"] },
  timm_vit_fixed: { operators: ["Softmax"], warnings: ["SOFTMAX_HEAD", "FIXED_BATCH"] },
  mixture: { operators: ["ConvTranspose", "InstanceNormalization", "Resize", "Pad", "PRelu", "Where", "Slice", "If"], warnings: [] },
};

describe("networks exported by PyTorch 1.13", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  for (const [name, { operators, warnings }] of Object.entries(NETWORKS)) {
    const made = (): Fixture => fixture(name);

    it(`${name}: PyTorch's logits and input gradients in f64`, () => {
      const { network, image, labels, expected } = made();
      const { logits, gradient } = explainedInF64(network, image, labels);
      assertClose(logits, expected.logits, { atol: 1e-6, rtol: 1e-6 }); // the file keeps them in f32
      assert.ok(relativeL2(gradient, expected.gradient) < 1e-6, `gradient off by ${relativeL2(gradient, expected.gradient)}`);
      for (const operator of operators) assert.ok(network.operators.some((each) => each.operator === operator), operator);
      assert.deepEqual(network.warnings.map(({ code }) => code), warnings);
    });

    it(`${name}: the same on the device`, async () => {
      const { network, image, labels, expected } = made();
      const { logits, gradient } = await explainedOnGpu(gpu, network, image, labels);
      assertClose(logits, expected.logits, TOLERANCE.model);
      assert.ok(relativeL2(gradient, expected.gradient) < 1e-3, `gradient off by ${relativeL2(gradient, expected.gradient)}`);
    });

    it(`${name}: ONNX Runtime agrees on what Lorenz exports`, async () => {
      const { network, image, shape, expected } = made();
      const exported = writeOnnx(network.architecture, network.shape, network.tensors);
      assertClose(await runtime(exported, image, shape), expected.logits, TOLERANCE.layer);
    });
  }
});
