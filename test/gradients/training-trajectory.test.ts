import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { evaluate } from "../../services/engine/cpu/evaluate.ts";
import type { Gpu } from "../../services/engine/gpu/device.ts";
import { Program } from "../../services/engine/gpu/program.ts";
import { differentiate } from "../../services/engine/graph/differentiate.ts";
import type { Value } from "../../services/engine/graph/graph.ts";
import { sgd } from "../../services/engine/kernels/optim/sgd.ts";
import { sgdReference } from "../../services/engine/reference/optim/sgd.ts";
import { assertClose, TOLERANCE } from "../support/close.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { leavesOf, nameOf, parametersOf, smallNetworks } from "../support/networks.ts";
import { compileFor, parametersOn } from "../support/run-plan.ts";

const STEPS = 20;
const options = { learningRate: 0.02, momentum: 0.9, weightDecay: 5e-4, nesterov: true };

describe("training on the device", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  it(`follows the f64 interpreter for ${STEPS} SGD steps: losses, parameters, running statistics`, async () => {
    const scope = gpu.scope("test");
    const network = smallNetworks.at(-1)!;
    const leaves = leavesOf(network, 21);
    const weights = parametersOf(network.graph);
    const { graph, gradients } = differentiate(network.graph, network.of, weights, 1 / network.graph.batch);

    const parameters = parametersOn(scope, graph, leaves, { gradients: true, slots: 1 });
    const plan = compileFor(gpu, scope, graph, parameters, leaves, { mode: "train", keep: [network.of], gradientsInto: gradients });
    const step = sgd(parameters.values[0]!, parameters.gradients[0]!, parameters.slots[0]![0]!, { n: parameters.values[0]!.bytes / 4, ...options });
    const program = await Program.prepare(gpu, "training", [...plan.prologue, ...plan.body, step]); // the step changes what the prologue reads

    let states: ReadonlyMap<string, Float64Array> = leaves.states;
    const velocities = new Map<Value, Float64Array>(weights.map((weight) => [weight, new Float64Array(leaves.parameters.get(nameOf(graph, weight))!.length)]));
    const losses: number[] = [];
    for (let i = 0; i < STEPS; i++) {
      const truth = evaluate(graph, { ...leaves, states }, "train");
      states = truth.states;
      for (const weight of weights) {
        const name = nameOf(graph, weight);
        const { w, velocity } = sgdReference(leaves.parameters.get(name)!, truth.of(gradients.get(weight)!), velocities.get(weight)!, options);
        leaves.parameters.set(name, w);
        velocities.set(weight, velocity);
      }
      program.run();
      assertClose(await gpu.readF32(plan.output(network.of)), truth.of(network.of), TOLERANCE.model);
      losses.push(truth.of(network.of).reduce((sum, v) => sum + v, 0));
    }
    assert.ok(losses.at(-1)! < 0.5 * losses[0]!, `the loss falls: ${losses.map((v) => v.toFixed(3)).join(" ")}`);
    const saved = await parameters.save();
    for (const [name, value] of [...leaves.parameters, ...states]) assertClose(saved.get(name)!.data, value, TOLERANCE.model);
    program.dispose();
    scope.dispose();
  });
});
