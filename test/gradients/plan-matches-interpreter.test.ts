import { after, before, describe, it } from "node:test";

import { evaluate } from "../../services/engine/cpu/evaluate.ts";
import { differentiate } from "../../services/engine/graph/differentiate.ts";
import { foldBatchNorm } from "../../services/engine/graph/fold.ts";
import type { Gpu } from "../../services/engine/gpu/device.ts";
import { assertClose, TOLERANCE } from "../support/close.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { assertPlanAgrees } from "../support/network-checks.ts";
import { leavesOf, smallNetworks } from "../support/networks.ts";
import { compileFor, parametersOn, readValue, runPlan } from "../support/run-plan.ts";

const PER_IMAGE = 0.5; // the seed's weight; not 1, so that forgetting it shows

describe("plans on the device agree with the f64 interpreter", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  for (const network of smallNetworks) for (const mode of network.modes) {
    it(`${network.title}, ${mode}: values, input and parameter gradients`, () => assertPlanAgrees(gpu, network, mode));
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
