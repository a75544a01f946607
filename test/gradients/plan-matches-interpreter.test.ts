import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { evaluate } from "../../services/engine/cpu/evaluate.ts";
import { differentiate } from "../../services/engine/graph/differentiate.ts";
import { foldBatchNorm } from "../../services/engine/graph/fold.ts";
import type { Gpu } from "../../services/engine/gpu/device.ts";
import { assertClose, TOLERANCE } from "../support/close.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { leavesOf, nameOf, parametersOf, smallNetworks } from "../support/networks.ts";
import { compileFor, parametersOn, readGradient, readValue, runPlan } from "../support/run-plan.ts";

const PER_IMAGE = 0.5; // the seed's weight; not 1, so that forgetting it shows

describe("plans on the device agree with the f64 interpreter", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  for (const network of smallNetworks) for (const mode of network.modes) {
    it(`${network.title}, ${mode}: values, input and parameter gradients`, async () => {
      const scope = gpu.scope("test");
      try {
        const leaves = leavesOf(network, 5);
        const weights = parametersOf(network.graph);
        const { graph, gradients } = differentiate(network.graph, network.of, [network.image, ...weights], PER_IMAGE);
        const imageGradient = gradients.get(network.image)!;
        const parameters = parametersOn(scope, graph, leaves, { gradients: true });
        const gradientsInto = new Map(weights.map((weight) => [weight, gradients.get(weight)!]));
        const plan = compileFor(gpu, scope, graph, parameters, leaves, { mode, keep: [network.logits, network.of, imageGradient], gradientsInto });
        await runPlan(gpu, plan);

        const truth = evaluate(graph, leaves, mode);
        for (const value of [network.logits, network.of, imageGradient]) assertClose(await readValue(gpu, graph, plan.output(value), value), truth.of(value), TOLERANCE.layer);
        for (const weight of weights) assertClose(await readGradient(gpu, graph, parameters, weight), truth.of(gradients.get(weight)!), TOLERANCE.layer);
        const saved = await parameters.save();
        for (const [name, state] of truth.states) assertClose(saved.get(name)!.data, state, TOLERANCE.layer);
        for (const weight of weights) assert.deepEqual(saved.get(nameOf(graph, weight))!.data, Float32Array.from(leaves.parameters.get(nameOf(graph, weight))!), "a plan must not change parameters");
      } finally { scope.dispose(); }
    });
  }

  for (const network of smallNetworks.filter(({ modes }) => modes.length === 2)) {
    it(`${network.title}, folded: logits and input gradient`, async () => {
      const scope = gpu.scope("test");
      try {
        const leaves = leavesOf(network, 6);
        const folded = foldBatchNorm(network.graph);
        const [image, logits, of] = [network.image, network.logits, network.of].map((value) => folded.values.get(value)!) as [typeof network.of, typeof network.of, typeof network.of];
        const { graph, gradients } = differentiate(folded.graph, of, [image], PER_IMAGE);
        const gradient = gradients.get(image)!;
        const plan = compileFor(gpu, scope, graph, parametersOn(scope, network.graph, leaves), leaves, { mode: "eval", keep: [logits, gradient] });
        await runPlan(gpu, plan);

        const unfolded = differentiate(network.graph, network.of, [network.image], PER_IMAGE);
        const truth = evaluate(unfolded.graph, leaves, "eval");
        assertClose(await readValue(gpu, graph, plan.output(logits), logits), truth.of(network.logits), TOLERANCE.layer);
        assertClose(await readValue(gpu, graph, plan.output(gradient), gradient), truth.of(unfolded.gradients.get(network.image)!), TOLERANCE.layer);
      } finally { scope.dispose(); }
    });
  }
});
