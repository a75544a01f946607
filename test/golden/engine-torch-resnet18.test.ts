import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";

import type { Gpu, Scope } from "../../services/engine/gpu/device.ts";
import { elements, type Tensor } from "../../services/engine/gpu/tensor.ts";
import { differentiate } from "../../services/engine/graph/differentiate.ts";
import { foldBatchNorm } from "../../services/engine/graph/fold.ts";
import type { Graph, Value } from "../../services/engine/graph/graph.ts";
import { compilePlan } from "../../services/engine/plan/compile.ts";
import { NetworkParameters } from "../../services/engine/plan/parameters.ts";
import type { StoredTensor } from "../../services/engine/plan/stored-tensors.ts";
import { lossGraph, type LossGraph, type ModelShape } from "../../services/lab/models/architecture.ts";
import { architectures } from "../../services/lab/models/architectures.ts";
import { readSafetensors } from "../../services/lab/models/weights/safetensors.ts";
import { assertClose, relativeL2, TOLERANCE } from "../support/close.ts";
import { law, numbers } from "../support/formula.ts";
import { closeTestGpu, testGpu, uploadF32, uploadU32 } from "../support/gpu.ts";
import { nameOf, parametersOf } from "../support/networks.ts";
import { readGradient, readValue, runPlan } from "../support/run-plan.ts";

const { tensors, metadata } = readSafetensors(readFileSync(new URL("../fixtures/goldens/torch-resnet18.safetensors", import.meta.url)));
const golden = (name: string): Float32Array => tensors.get(name)!.data;
const meta = <T>(name: string): T => JSON.parse(metadata[name]!) as T;
const shape: ModelShape = { inputShape: [3, meta("side"), meta("side")], classCount: 10, mean: meta("mean"), std: meta("std") };
const labels = meta<number[]>("labels");

/** Length and a few elements of a tensor, as `sampled` of make-torch-resnet18.py keeps them. */
function sampled(tensor: ArrayLike<number>): number[] {
  const count = golden("gradient.conv1.weight").length - 1;
  const length = Math.sqrt(Array.from(tensor).reduce((sum, v) => sum + v * v, 0));
  return [length, ...Array.from({ length: count }, (_, i) => tensor[Math.floor((((i + 1) * 0.6180339887498949) % 1) * tensor.length)]!)];
}

/** Largest relative l2 distance of gradients: ten times that of f32 convolutions; no ReLU lies near enough to its kink to switch. */
const GRADIENT = 1e-4;

describe("ResNet-18 against PyTorch", () => {
  let gpu: Gpu;
  let scope: Scope;
  before(async () => { gpu = await testGpu(); scope = gpu.scope("test"); });
  after(closeTestGpu);

  const network = (): LossGraph => lossGraph(architectures["cifar-resnet18"], shape, labels.length);
  const inputs = (): { image: Tensor; labels: Tensor } => ({
    image: uploadF32(scope, "image", numbers(meta("images"), elements([labels.length, ...shape.inputShape]), [0.5, 0.5])),
    labels: uploadU32(scope, "labels", Uint32Array.from(labels)),
  });
  const parametersFor = (graph: Graph, options: { gradients?: boolean } = {}): NetworkParameters => {
    const parameters = new NetworkParameters(scope, graph, options);
    const shapes = new Map(parameters.entries.map((entry) => [entry.name, entry.shape]));
    parameters.load(new Map(meta<string[]>("names").map((name, t): [string, StoredTensor] =>
      [name, { shape: shapes.get(name)!, data: numbers(t, elements(shapes.get(name)!), law(name, shapes.get(name)!)) }])));
    return parameters;
  };

  it("evaluation, batch norm folded: logits, loss, gradient with respect to the image", async () => {
    const built = network();
    const folded = foldBatchNorm(built.graph);
    const [x, logits, loss] = [built.image, built.logits, built.loss].map((value) => folded.values.get(value)!) as [Value, Value, Value];
    const { graph, gradients } = differentiate(folded.graph, loss, [x], 1);
    const dx = gradients.get(x)!;
    const plan = compilePlan(gpu, scope, graph, parametersFor(built.graph), { ...inputs(), mode: "eval", keep: [logits, loss, dx] });
    await runPlan(gpu, plan);
    assertClose(await readValue(gpu, graph, plan.output(logits), logits), golden("eval.logits"), TOLERANCE.model);
    assertClose(await readValue(gpu, graph, plan.output(loss), loss), golden("eval.loss"), TOLERANCE.model);
    assertNear("image", await readValue(gpu, graph, plan.output(dx), dx), golden("eval.gradient"));
  });

  it("training: logits, loss, every parameter's gradient, running statistics", async () => {
    const { graph: forward, logits, loss } = network();
    const weights = parametersOf(forward);
    const { graph, gradients } = differentiate(forward, loss, weights, 1 / labels.length);
    const parameters = parametersFor(graph, { gradients: true });
    const plan = compilePlan(gpu, scope, graph, parameters, { ...inputs(), mode: "train", keep: [logits, loss], gradientsInto: gradients });
    await runPlan(gpu, plan);
    assertClose(await readValue(gpu, graph, plan.output(logits), logits), golden("train.logits"), TOLERANCE.model);
    assertClose(await readValue(gpu, graph, plan.output(loss), loss), golden("train.loss"), TOLERANCE.model);
    for (const weight of weights) {
      const name = nameOf(graph, weight);
      assertNear(name, sampled(await readGradient(gpu, graph, parameters, weight)), golden(`gradient.${name}`));
    }
    const saved = await parameters.save();
    for (const [name, { data }] of tensors) {
      if (name.startsWith("after.")) assertClose(sampled(saved.get(name.slice("after.".length))!.data), data, TOLERANCE.layer);
    }
  });
});

function assertNear(name: string, actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  const distance = relativeL2(actual, expected);
  assert.ok(distance < GRADIENT, `gradient of ${name}: relative l2 ${distance}`);
}
