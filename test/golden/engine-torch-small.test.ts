import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../services/engine/gpu/device.ts";
import { Dynamic, type Step } from "../../services/engine/gpu/kernel.ts";
import { Program } from "../../services/engine/gpu/program.ts";
import { differentiate } from "../../services/engine/graph/differentiate.ts";
import { foldBatchNorm } from "../../services/engine/graph/fold.ts";
import { type Graph, GraphBuilder, type Value } from "../../services/engine/graph/graph.ts";
import { adamw } from "../../services/engine/kernels/optim/adamw.ts";
import { sgd } from "../../services/engine/kernels/optim/sgd.ts";
import { compilePlan } from "../../services/engine/plan/compile.ts";
import { NetworkParameters } from "../../services/engine/plan/parameters.ts";
import type { StoredTensor } from "../../services/engine/plan/stored-tensors.ts";
import { readSafetensors } from "../../services/lab/models/weights/safetensors.ts";
import { assertClose, TOLERANCE } from "../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, uploadU32 } from "../support/gpu.ts";
import { nameOf, parametersOf } from "../support/networks.ts";
import { readGradient, readValue, runPlan } from "../support/run-plan.ts";

const { tensors, metadata } = readSafetensors(readFileSync(new URL("../fixtures/goldens/torch-small.safetensors", import.meta.url)));
const golden = (name: string): Float32Array => tensors.get(name)!.data;
const meta = <T>(name: string): T => JSON.parse(metadata[name]!) as T;
const STEPS = golden("sgd.losses").length;

/** The tensors of one moment of training, under the network's own names. */
function moment(prefix: string): Map<string, StoredTensor> {
  return new Map([...tensors].filter(([name]) => name.startsWith(`${prefix}.`) && name !== `${prefix}.losses`).map(([name, tensor]) => [name.slice(prefix.length + 1), tensor]));
}

/** `Small` of test/fixtures/goldens/make-torch-small.py, line by line. */
function small(): { graph: Graph; image: Value; logits: Value; loss: Value; selected: Value } {
  const b = new GraphBuilder(tensors.get("image")!.shape[0]!);
  const initial = moment("initial");
  const parameter = (name: string): Value => b.parameter(name, initial.get(name)!.shape, { kind: "constant", value: 0 });
  const state = (name: string): Value => b.state(name, initial.get(name)!.shape, 0);
  const conv = (x: Value, name: string, options: object): Value => b.conv2d(x, parameter(`${name}.weight`), initial.has(`${name}.bias`) ? parameter(`${name}.bias`) : undefined, options);
  const norm = (x: Value, name: string, options: object): Value => b.batchNorm(x, parameter(`${name}.weight`), parameter(`${name}.bias`), state(`${name}.running_mean`), state(`${name}.running_var`), options);
  const linear = (x: Value, name: string): Value => b.linear(x, parameter(`${name}.weight`), parameter(`${name}.bias`));

  const image = b.image(3, 16, 16);
  const x = b.maxPool(b.relu(norm(conv(b.normalise(image, meta("mean"), meta("std")), "conv1", { padding: 1 }), "bn1", {})), { window: 3, stride: 2, padding: 1 });
  const y = b.relu(b.add(norm(conv(x, "depthwise", { padding: 1, groups: 8 }), "bn2", { epsilon: 1e-3, momentum: 0.2 }), x));
  const z = b.relu(b.add(conv(y, "grouped", { stride: 2, padding: 1, groups: 2 }), conv(y, "shortcut", { stride: 2 })));
  const logits = linear(b.relu(linear(b.flatten(b.averagePool(z, { window: 3, stride: 2, padding: 1, countIncludePad: false })), "hidden")), "out");
  const labels = b.labels();
  return { graph: b.graph, image, logits, loss: b.softmaxCrossEntropy(logits, labels), selected: b.selectLogit(logits, labels) };
}

describe("a small network against PyTorch", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  for (const folded of [false, true]) {
    it(`evaluation${folded ? ", batch norm folded" : ""}: logits, loss, gradients with respect to the image`, async () => {
      const scope = gpu.scope("test");
      const network = small();
      const parameters = new NetworkParameters(scope, network.graph);
      parameters.load(moment("initial"));
      const rewritten = folded ? foldBatchNorm(network.graph) : undefined;
      const at = (value: Value): Value => rewritten?.values.get(value) ?? value;
      for (const [of, values, gradient] of [[network.loss, "eval.loss", "eval.loss_gradient"], [network.selected, undefined, "eval.saliency"]] as const) {
        const { graph, gradients } = differentiate(rewritten?.graph ?? network.graph, at(of), [at(network.image)], 1);
        const dx = gradients.get(at(network.image))!;
        const plan = compilePlan(gpu, scope, graph, parameters, { mode: "eval", image: uploadF32(scope, "image", golden("image")), labels: uploadU32(scope, "labels", meta("labels")), keep: [at(network.logits), at(of), dx] });
        await runPlan(gpu, plan);
        assertClose(await readValue(gpu, graph, plan.output(dx), dx), golden(gradient), TOLERANCE.layer);
        assertClose(await readValue(gpu, graph, plan.output(at(network.logits)), at(network.logits)), golden("eval.logits"), TOLERANCE.layer);
        if (values) assertClose(await readValue(gpu, graph, plan.output(at(of)), at(of)), golden(values), TOLERANCE.layer);
      }
      scope.dispose();
    });
  }

  const train = async (prefix: "sgd" | "adamw", optimiser: (parameters: NetworkParameters) => { step: Step; values: (t: number) => ReadonlyMap<Dynamic, number> }): Promise<void> => {
    const scope = gpu.scope("test");
    const network = small();
    const weights = parametersOf(network.graph);
    const { graph, gradients } = differentiate(network.graph, network.loss, weights, 1 / network.graph.batch);
    const parameters = new NetworkParameters(scope, graph, { gradients: true, slots: 2 });
    parameters.load(moment("initial"));
    const plan = compilePlan(gpu, scope, graph, parameters, { mode: "train", image: uploadF32(scope, "image", golden("image")), labels: uploadU32(scope, "labels", meta("labels")), keep: [network.loss], gradientsInto: gradients });
    const { step, values } = optimiser(parameters);
    const program = await Program.prepare(gpu, prefix, [...plan.prologue, ...plan.body, step]);
    for (let t = 1; t <= STEPS; t++) {
      program.run(values(t));
      if (t === 1) for (const weight of weights) assertClose(await readGradient(gpu, graph, parameters, weight), golden(`gradient.${nameOf(graph, weight)}`), TOLERANCE.layer);
      const losses = await gpu.readF32(plan.output(network.loss));
      assertClose([losses.reduce((sum, v) => sum + v, 0) / losses.length], [golden(`${prefix}.losses`)[t - 1]!], TOLERANCE.model);
    }
    const saved = await parameters.save();
    const expected = moment(prefix);
    assert.deepEqual([...saved.keys()].sort(), [...expected.keys()].sort());
    for (const [name, { data }] of expected) assertClose(saved.get(name)!.data, data, TOLERANCE.model);
    program.dispose();
    scope.dispose();
  };

  it("training: gradients of the first step, then losses, parameters and running statistics of SGD", () => train("sgd", (parameters) => {
    const o = meta<{ lr: number; momentum: number; weight_decay: number; nesterov: boolean }>("sgd");
    const step = sgd(parameters.values[0]!, parameters.gradients[0]!, parameters.slots[0]![0]!, { n: parameters.values[0]!.bytes / 4, learningRate: o.lr, momentum: o.momentum, weightDecay: o.weight_decay, nesterov: o.nesterov });
    return { step, values: () => new Map() };
  }));

  it("training: the same with AdamW", () => train("adamw", (parameters) => {
    const o = meta<{ lr: number; betas: [number, number]; eps: number; weight_decay: number }>("adamw");
    const [beta1, beta2] = o.betas;
    const [correction1, correction2] = [new Dynamic("correction1"), new Dynamic("correction2")];
    const step = adamw(parameters.values[0]!, parameters.gradients[0]!, parameters.slots[0]![0]!, parameters.slots[1]![0]!, { n: parameters.values[0]!.bytes / 4, learningRate: o.lr, beta1, beta2, epsilon: o.eps, weightDecay: o.weight_decay, correction1, correction2 });
    return { step, values: (t) => new Map([[correction1, 1 - beta1 ** t], [correction2, 1 - beta2 ** t]]) };
  }));
});
