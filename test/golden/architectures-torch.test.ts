import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";

import { evaluate } from "../../services/engine/cpu/evaluate.ts";
import type { Gpu } from "../../services/engine/gpu/device.ts";
import { elements } from "../../services/engine/gpu/tensor.ts";
import { differentiate } from "../../services/engine/graph/differentiate.ts";
import { foldBatchNorm } from "../../services/engine/graph/fold.ts";
import type { Graph, Value } from "../../services/engine/graph/graph.ts";
import { type ModelShape, selectedLogitGraph } from "../../services/lab/models/architecture.ts";
import { densenet, KUANGLIU as KUANGLIU_DENSENET, TORCHVISION as TORCHVISION_DENSENET } from "../../services/lab/models/architectures/densenet.ts";
import type { Build } from "../../services/lab/models/architectures/layers.ts";
import { cifarMobilenet, mobilenetV2 } from "../../services/lab/models/architectures/mobilenet.ts";
import { preactResnet } from "../../services/lab/models/architectures/preact-resnet.ts";
import { KUANGLIU as KUANGLIU_RESNET, resnet, TORCHVISION as TORCHVISION_RESNET } from "../../services/lab/models/architectures/resnet.ts";
import { squeezenet } from "../../services/lab/models/architectures/squeezenet.ts";
import { thinResnet } from "../../services/lab/models/architectures/thin-resnet.ts";
import { verifiedResnet } from "../../services/lab/models/architectures/verified-resnet.ts";
import { cifarVgg, vgg } from "../../services/lab/models/architectures/vgg.ts";
import { vit } from "../../services/lab/models/architectures/vit.ts";
import { wideResnet } from "../../services/lab/models/architectures/wide-resnet.ts";
import { readSafetensors } from "../../services/lab/models/weights/safetensors.ts";
import { assertClose, relativeL2, TOLERANCE } from "../support/close.ts";
import { law, numbers } from "../support/formula.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import type { Leaves } from "../support/networks.ts";
import { compileFor, parametersOn, readValue, runPlan } from "../support/run-plan.ts";

const { tensors, metadata } = readSafetensors(readFileSync(new URL("../fixtures/goldens/torch-architectures.safetensors", import.meta.url)));
const golden = (name: string): Float32Array => tensors.get(name)!.data;
const meta = <T>(name: string): T => JSON.parse(metadata[name]!) as T;

/** `SMALL` of make-torch-architectures.py, line by line. */
const CASES: Readonly<Record<string, Build>> = {
  "resnet": resnet(TORCHVISION_RESNET, { kind: "basic", blocks: [2, 1, 1, 1] }),
  "wide-resnet50-2": resnet(TORCHVISION_RESNET, { kind: "bottleneck", blocks: [1, 1, 1, 1], widen: 2 }),
  "cifar-resnet": resnet(KUANGLIU_RESNET, { kind: "basic", blocks: [1, 2], width: 6 }),
  "cifar-resnet50": resnet(KUANGLIU_RESNET, { kind: "bottleneck", blocks: [2, 1], width: 6 }),
  "preact": preactResnet({ shortcut: "activated", lastNorm: false, blocks: [1, 2], width: 6 }),
  "preact-wong2020": preactResnet({ shortcut: "input", lastNorm: false, blocks: [1, 2], width: 6 }),
  "preact-rice2020": preactResnet({ shortcut: "activated", lastNorm: true, blocks: [1, 2], width: 6 }),
  "cifar-wide-resnet": wideResnet({ depth: 10, widen: 2 }),
  "thin": thinResnet(1),
  "verified": verifiedResnet({ width: 3, stages: 2 }),
  "densenet": densenet(TORCHVISION_DENSENET, { growth: 8, blocks: [2, 3] }),
  "cifar-densenet": densenet(KUANGLIU_DENSENET, { growth: 6, blocks: [2, 3] }),
  "vgg": vgg({ stages: [[8], [12, 12]], norm: false, hidden: 20 }),
  "vgg-bn": vgg({ stages: [[8], [12, 12]], norm: true, hidden: 20 }),
  "cifar-vgg": cifarVgg([[6], [10]]),
  "cifar-mobilenet": cifarMobilenet([[10, 1], [16, 2]], 6),
  "mobilenet-v2": mobilenetV2({ first: 8, last: 1280, stages: [[1, 8, 1, 1], [6, 16, 2, 2]] }),
  "squeezenet": squeezenet,
  "vit": vit({ patch: 4, width: 18, depth: 2, heads: 3 }),
};

interface Case { readonly graph: Graph; readonly image: Value; readonly logits: Value; readonly selected: Value; readonly leaves: Leaves }

function made(name: string, build: Build): Case {
  const { side, std, images, labels } = meta<Record<string, { side: number; std: number[]; images: number; labels: number[] }>>("cases")[name]!;
  const shape: ModelShape = { inputShape: [3, side, side], classCount: meta("classes"), mean: meta("mean"), std };
  const built = selectedLogitGraph({ title: name, build }, shape, labels.length);
  const image = numbers(images, elements([labels.length, ...shape.inputShape]), [0.5, 0.5]);
  return { ...built, leaves: { image: Float64Array.from(image), labels: Uint32Array.from(labels), ...weightsOf(built.graph) } };
}

/** As `small` of the script: tensors are numbered by their sorted names. */
function weightsOf(graph: Graph): Pick<Leaves, "parameters" | "states"> {
  const named = graph.nodes.flatMap(({ operation, shape }) => (operation.op === "parameter" || operation.op === "state" ? [{ name: operation.name, op: operation.op, shape }] : []));
  const order = named.map(({ name }) => name).sort();
  const all = named.map(({ name, op, shape }) => ({ op, entry: [name, Float64Array.from(numbers(order.indexOf(name), elements(shape), law(name, shape)))] as const }));
  const of = (kind: "parameter" | "state"): Map<string, Float64Array> => new Map(all.filter(({ op }) => op === kind).map(({ entry }) => entry));
  return { parameters: of("parameter"), states: of("state") };
}

/** f64 on both sides; the file keeps f32. */
const EXACT = { rtol: 1e-6, atol: 1e-7 };
/** Relative l2 distance of f32 gradients; no ReLU lies within 2e-5 of its kink, so none switches. */
const GRADIENT = 1e-4;

describe("architectures against PyTorch and torchvision, small members of each family", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  it("no case is missing", () => assert.deepEqual(Object.keys(CASES), Object.keys(meta<object>("cases"))));

  for (const [name, build] of Object.entries(CASES)) {
    it(`${name}: logits and the image's gradient in f64`, () => {
      const { graph: forward, image, logits, selected, leaves } = made(name, build);
      const { graph, gradients } = differentiate(forward, selected, [image], 1);
      const values = evaluate(graph, leaves, "eval");
      assertClose(values.of(logits), golden(`${name}.logits`), EXACT);
      assertClose(values.of(gradients.get(image)!), golden(`${name}.gradient`), EXACT);
    });

    it(`${name}: the same on the device, batch norm folded`, async (t) => {
      const scope = gpu.scope("test");
      const { graph: forward, image, logits, selected, leaves } = made(name, build);
      const folded = foldBatchNorm(forward);
      const [x, scores, of] = [image, logits, selected].map((value) => folded.values.get(value)!) as [Value, Value, Value];
      const { graph, gradients } = differentiate(folded.graph, of, [x], 1);
      const dx = gradients.get(x)!;
      const plan = compileFor(gpu, scope, graph, parametersOn(scope, forward, leaves), leaves, { mode: "eval", keep: [scores, dx] });
      await runPlan(gpu, plan);
      assertClose(await readValue(gpu, graph, plan.output(scores), scores), golden(`${name}.logits`), TOLERANCE.layer);
      const distance = relativeL2(await readValue(gpu, graph, plan.output(dx), dx), golden(`${name}.gradient`));
      t.diagnostic(`relative l2 distance of the gradient: ${distance.toExponential(1)}`);
      assert.ok(distance < GRADIENT, `gradient: relative l2 ${distance}`);
      scope.dispose();
    });
  }
});
