import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../services/engine/gpu/device.ts";
import { differentiate } from "../../services/engine/graph/differentiate.ts";
import { foldBatchNorm } from "../../services/engine/graph/fold.ts";
import type { Value } from "../../services/engine/graph/graph.ts";
import { compilePlan } from "../../services/engine/plan/compile.ts";
import { NetworkParameters } from "../../services/engine/plan/parameters.ts";
import { type Architecture, type LabelledGraph, lossGraph, type ModelShape, selectedLogitGraph } from "../../services/lab/models/architecture.ts";
import { architectures as named } from "../../services/lab/models/architectures.ts";
import { assertClose, relativeL2 } from "../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, uploadU32 } from "../support/gpu.ts";
import { readValue, runPlan } from "../support/run-plan.ts";
import { cifarCheckpoint, golden, goldenEntry, sharedMissing } from "../support/shared.ts";

const IMAGES = 40;
const PIXELS = 3 * 32 * 32;
const architectures: Readonly<Record<string, Architecture>> = { resnet20: named["cifar-resnet20"], resnet2b: named["cifar-resnet-2b"] };

/** Ours against PyTorch 2.13 (float32, CPU); goldens/README.md says which distances mean agreement. */
describe("CIFAR-10 checkpoints against PyTorch", { skip: sharedMissing() }, () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const results = new Map<string, Promise<Results>>();
  const resultsOf = (name: string): Promise<Results> => {
    if (!results.has(name)) results.set(name, compute(gpu, name));
    return results.get(name)!;
  };

  for (const name of Object.keys(architectures)) {
    it(`${name}: logits and cross-entropy`, async () => {
      const { logits, loss } = await resultsOf(name);
      assertClose(logits, golden(`${name}/logits.npy`).data, { rtol: 1e-3, atol: 1e-5 * goldenEntry(`${name}/logits.npy`).scale_max_abs! });
      assertClose(loss, golden(`${name}/cross_entropy.npy`).data, { rtol: 1e-3, atol: 1e-5 });
    });

    it(`${name}: gradient of the true logit`, async (t) => {
      const { saliency } = await resultsOf(name);
      assertImagesClose(t, saliency, golden(`${name}/saliency_logit.npy`).data, limitOf(name), allImages());
    });

    it(`${name}: gradient of the cross-entropy, where float32 PyTorch has one`, async (t) => {
      const { gradient } = await resultsOf(name);
      const reliable = allImages().filter((i) => golden(`${name}/cross_entropy.npy`).data[i]! > 1e-4); // README, note 2
      assertImagesClose(t, gradient, golden(`${name}/grad_cross_entropy.npy`).data, limitOf(name), reliable);
    });

    it(`${name}: the gradient's signs make float64's FGSM, also of images the model is sure of`, async (t) => {
      const { gradient } = await resultsOf(name);
      const wanted = golden(`${name}/fgsm_8_255_x_adv_float64_u8.npy`);
      const images = golden("common/images_u8.npy").data;
      const same = Array.from({ length: wanted.shape[0]! }, (_, i) => i).filter((i) => {
        for (let j = i * PIXELS; j < (i + 1) * PIXELS; j++) {
          if (Math.min(255, Math.max(0, images[j]! + 8 * Math.sign(gradient[j]!))) !== wanted.data[j]) return false;
        }
        return true;
      });
      t.diagnostic(`${same.length} of ${wanted.shape[0]} images identical`);
      assert.ok(same.length >= wanted.shape[0]! - 1, `only images ${same.join(", ")} are identical`);
    });
  }
});

interface Results { readonly logits: Float32Array; readonly loss: Float32Array; readonly saliency: Float32Array; readonly gradient: Float32Array }

async function compute(gpu: Gpu, name: string): Promise<Results> {
  const { tensors, metadata } = cifarCheckpoint(name);
  const numbers = (key: string): number[] => JSON.parse(metadata[key]!) as number[];
  const shape: ModelShape = { inputShape: [3, 32, 32], classCount: 10, mean: numbers("normalisation_mean"), std: numbers("normalisation_std") };
  const scope = gpu.scope(name);
  try {
    const withLoss = lossGraph(architectures[name]!, shape, IMAGES);
    const withLogit = selectedLogitGraph(architectures[name]!, shape, IMAGES);
    const parameters = new NetworkParameters(scope, withLoss.graph);
    parameters.load(tensors);
    const image = uploadF32(scope, "image", Float32Array.from(golden("common/images_u8.npy").data as Uint8Array, (v) => v / 255));
    const labels = uploadU32(scope, "labels", golden("common/labels.npy").data);
    /** The folded network's logits, per-image value and its gradient. */
    const run = async ({ graph: forward, image: x, logits }: LabelledGraph, of: Value): Promise<[Float32Array, Float32Array, Float32Array]> => {
      const folded = foldBatchNorm(forward);
      const input = folded.values.get(x)!;
      const { graph, gradients } = differentiate(folded.graph, folded.values.get(of)!, [input], 1);
      const keep = [folded.values.get(logits)!, folded.values.get(of)!, gradients.get(input)!] as const;
      const plan = compilePlan(gpu, scope, graph, parameters, { mode: "eval", image, labels, keep });
      await runPlan(gpu, plan);
      const [a, b, c] = keep;
      return [await readValue(gpu, graph, plan.output(a), a), await readValue(gpu, graph, plan.output(b), b), await readValue(gpu, graph, plan.output(c), c)];
    };
    const [logits, loss, gradient] = await run(withLoss, withLoss.loss);
    const [, , saliency] = await run(withLogit, withLogit.selected);
    return { logits, loss, saliency, gradient };
  } finally { scope.dispose(); }
}

/** README, note 1: deep ReLU nets differ where a unit switches side, so the distance between float32 and float64 sets the limit. */
function limitOf(name: string): number {
  return Math.max(1e-3, 5 * goldenEntry(`${name}/saliency_logit.npy`).float64_rel_l2_worst_image!);
}

/** Relative l2 distance of each image within the limit; one image in twenty may lie beyond it. */
function assertImagesClose(t: { diagnostic(message: string): void }, actual: Float32Array, expected: ArrayLike<number>, limit: number, images: readonly number[]): void {
  const slice = (from: ArrayLike<number>, i: number): number[] => Array.from({ length: PIXELS }, (_, j) => from[i * PIXELS + j]!);
  const distances = images.map((i) => relativeL2(slice(actual, i), slice(expected, i)));
  const beyond = images.filter((_, i) => !(distances[i]! <= limit));
  const sorted = [...distances].sort((a, b) => a - b);
  t.diagnostic(`relative l2 of ${images.length} images: median ${sorted[sorted.length >> 1]!.toExponential(1)}, worst ${sorted.at(-1)!.toExponential(1)}; ${beyond.length} beyond ${limit.toExponential(1)}`);
  assert.ok(beyond.length <= images.length / 20, `images ${beyond.join(", ")} lie beyond ${limit}`);
}

function allImages(): number[] { return Array.from({ length: IMAGES }, (_, i) => i); }
