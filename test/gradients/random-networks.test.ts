import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { evaluate } from "../../services/engine/cpu/evaluate.ts";
import type { Gpu } from "../../services/engine/gpu/device.ts";
import { differentiate } from "../../services/engine/graph/differentiate.ts";
import { ancestors } from "../../services/engine/graph/rewrite.ts";
import { fuse } from "../../services/engine/plan/fuse.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { leavesOf, nameOf, parametersOf } from "../support/networks.ts";
import { randomNetwork } from "../support/random-network.ts";
import { compileFor, parametersOn, readGradient, readValue, runPlan } from "../support/run-plan.ts";

const SEEDS = Array.from({ length: 24 }, (_, i) => i + 1);
/** Relative l2 distance: f32 through a dozen layers, some of them norms over a few dozen values. */
const LIMIT = 1e-4;

// The interpreter fuses nothing: whatever the plan did in one pass must be what its parts do one after the other.
describe("fused plans of random networks agree with the f64 interpreter", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  for (const network of SEEDS.map(randomNetwork)) for (const mode of network.modes) {
    it(`${network.title}, ${mode}`, async () => {
      const scope = gpu.scope("test");
      try {
        const leaves = leavesOf(network, 3);
        const weights = parametersOf(network.graph);
        const { graph, gradients } = differentiate(network.graph, network.of, [network.image, ...weights], 0.5);
        const kept = [network.logits, network.of, gradients.get(network.image)!];
        const parameters = parametersOn(scope, graph, leaves, { gradients: true });
        const plan = compileFor(gpu, scope, graph, parameters, leaves, { mode, keep: kept, gradientsInto: new Map(weights.map((weight) => [weight, gradients.get(weight)!])) });
        await runPlan(gpu, plan);

        const truth = evaluate(graph, leaves, mode);
        const distances = new Map<string, number>();
        const compare = (name: string, actual: ArrayLike<number>, expected: ArrayLike<number>, floor = 0): void => { distances.set(name, distance(actual, expected, floor)); };
        for (const value of kept) compare(graph.nodes[value]!.operation.op, await readValue(gpu, graph, plan.output(value), value), truth.of(value));
        // A norm removes what the one before it adds: some gradients are 0 but for rounding, which is that of the others.
        const largest = Math.max(...weights.map((weight) => Math.hypot(...truth.of(gradients.get(weight)!))));
        for (const weight of weights) compare(`gradient of ${nameOf(graph, weight)}`, await readGradient(gpu, graph, parameters, weight), truth.of(gradients.get(weight)!), largest / 100);
        const saved = await parameters.save();
        for (const [name, state] of truth.states) compare(name, saved.get(name)!.data, state);
        assert.deepEqual([...distances].filter(([, value]) => !(value < LIMIT)), []);
      } finally { scope.dispose(); }
    });
  }
});

it("the random networks use every fusion of norms and pools", () => {
  const used = new Set<string>();
  for (const network of SEEDS.map(randomNetwork)) {
    const weights = parametersOf(network.graph);
    const { graph, gradients } = differentiate(network.graph, network.of, weights, 1);
    const wanted = [...gradients.values()];
    for (const { base, residual, relu, mask } of fuse(graph, ancestors(graph, wanted), new Set(wanted)).chains.values()) {
      const added = residual === undefined ? [] : [graph.nodes[residual]!.operation.op === "batchNorm" ? "norm" : "value"];
      used.add([graph.nodes[base]!.operation.op, ...added, ...(relu ? ["relu"] : []), ...(mask === undefined ? [] : ["mask"])].join("+"));
    }
  }
  for (const fusion of ["batchNorm", "batchNorm+relu", "batchNorm+value", "batchNorm+value+relu", "batchNorm+norm+relu", "maxPoolGrad+mask", "conv2dGradInput+value+mask"]) {
    assert.ok(used.has(fusion), `${fusion} is not among ${[...used].sort().join(", ")}`);
  }
});

/** ‖a − b‖ / (‖b‖ + floor) */
function distance(a: ArrayLike<number>, b: ArrayLike<number>, floor: number): number {
  const difference = Array.from(b, (v, i) => a[i]! - v);
  return Math.hypot(...difference) / (Math.hypot(...Array.from(b)) + floor || 1);
}
