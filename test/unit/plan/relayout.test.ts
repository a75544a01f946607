import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu, Scope } from "../../../services/engine/gpu/device.ts";
import type { Dispatch } from "../../../services/engine/gpu/kernel.ts";
import { differentiate } from "../../../services/engine/graph/differentiate.ts";
import type { Value } from "../../../services/engine/graph/graph.ts";
import type { Plan } from "../../../services/engine/plan/compile.ts";
import { withRelayouts } from "../../../services/engine/plan/relayout.ts";
import { closeTestGpu, testGpu } from "../../support/gpu.ts";
import { leavesOf, parametersOf, Sketch, smallNetworks } from "../../support/networks.ts";
import { randomNetwork } from "../../support/random-network.ts";
import { compileFor, parametersOn } from "../../support/run-plan.ts";

describe("relayouts", () => {
  let gpu: Gpu;
  let scope: Scope;
  before(async () => { gpu = await testGpu(); scope = gpu.scope("test"); });
  after(async () => { scope.dispose(); await closeTestGpu(); });

  const planOf = (sketch: Sketch, keep: readonly Value[]): Plan => {
    const { graph } = sketch.builder;
    const leaves = leavesOf({ graph }, 1);
    return compileFor(gpu, scope, graph, parametersOn(scope, graph, leaves), leaves, { mode: "eval", keep });
  };
  const kernels = (steps: Plan["body"]): string[] => steps.filter((step): step is Dispatch => step.kind === "dispatch").map(({ spec }) => spec.name);
  const normalised = (sketch: Sketch, c: number, h: number, w: number): Value => sketch.builder.normalise(sketch.builder.image(c, h, w), new Array<number>(c).fill(0), new Array<number>(c).fill(1));

  it("leave networks of convolutions, pools and linear layers as they are, node for node", () => {
    for (const { graph, of, image, logits } of [...smallNetworks, ...[1, 2, 3, 4].map(randomNetwork)]) {
      const weights = parametersOf(graph);
      const { graph: whole, gradients } = differentiate(graph, of, [image, ...weights], 1);
      const arranged = withRelayouts(whole, [logits, gradients.get(image)!], new Map(weights.map((weight) => [weight, gradients.get(weight)!])));
      assert.deepEqual(arranged.graph, whole);
    }
  });

  it("bring a value to another layout once, however many read it there", () => {
    const sketch = new Sketch(2);
    const { builder: b } = sketch;
    const y = sketch.conv(normalised(sketch, 3, 4, 4), 5, 1);
    const rows = [0, 1, 2].map(() => b.reshape(y, [2, 20, 4]));
    const plan = planOf(sketch, [b.concat([rows[0]!, b.concat([rows[1]!, rows[2]!], 1)], 2 - 1)]);
    assert.equal(kernels(plan.body).filter((name) => name === "tensor/to-dense").length, 1);
  });

  it("cost no step where channels are whole fours of one pixel", () => {
    const sketch = new Sketch(2);
    const { builder: b } = sketch;
    const pooled = b.globalAveragePool(sketch.conv(normalised(sketch, 3, 4, 4), 8, 1));
    const plan = planOf(sketch, [sketch.conv(b.reshape(b.reshape(pooled, [2, 2, 4]), [2, 8, 1, 1]), 4, 1)]);
    assert.deepEqual(kernels(plan.body).filter((name) => name.startsWith("tensor/")), []);
  });

  it("of a parameter are made before the body", () => {
    const sketch = new Sketch(2);
    const { builder: b } = sketch;
    const gamma = sketch.weight(5); // first read dense, then as a vector
    const x = b.binary("mul", normalised(sketch, 5, 2, 2), b.reshape(gamma, [5, 1, 1]));
    const y = b.batchNorm(x, gamma, sketch.weight(5), b.state("mean", [5], 0), b.state("variance", [5], 1));
    const plan = planOf(sketch, [y]);
    assert.deepEqual(kernels(plan.prologue), ["tensor/from-dense"]);
  });

  it("leave squeeze-and-excitation, concatenation in fours and resizing among activations", () => {
    const sketch = new Sketch(2);
    const { builder: b } = sketch;
    const y = sketch.conv(normalised(sketch, 3, 4, 4), 8, 1);
    const scale = b.unary({ name: "sigmoid" }, sketch.conv(b.globalAveragePool(y), 8, 1));
    const z = b.concat([b.binary("mul", y, scale), b.unary({ name: "hardSwish" }, y)], 1);
    const resized = b.axisMap(z, 2, { offsets: [0, 1, 2], indices: [0, 3], weights: [0.5, 0.5] });
    const plan = planOf(sketch, [sketch.conv(resized, 4, 1)]);
    assert.deepEqual(kernels(plan.body).filter((name) => name.endsWith("dense")), []);
  });

  it("give kept [n, f] values as plain features, whatever computed them", () => {
    const sketch = new Sketch(2);
    const { builder: b } = sketch;
    const means = b.reduce("mean", sketch.conv(normalised(sketch, 3, 4, 4), 5, 1), [2, 3], false);
    assert.deepEqual(planOf(sketch, [means]).output(means).shape, [2, 8]);
  });
});
