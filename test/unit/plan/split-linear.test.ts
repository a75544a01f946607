import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { evaluate } from "../../../services/engine/cpu/evaluate.ts";
import type { Gpu, Scope } from "../../../services/engine/gpu/device.ts";
import { runOnce } from "../../../services/engine/gpu/program.ts";
import { elements } from "../../../services/engine/gpu/tensor.ts";
import { differentiate } from "../../../services/engine/graph/differentiate.ts";
import type { Graph, Value } from "../../../services/engine/graph/graph.ts";
import { sgd } from "../../../services/engine/kernels/optim/sgd.ts";
import { NetworkParameters } from "../../../services/engine/plan/parameters.ts";
import { splitLinears } from "../../../services/engine/plan/split-linear.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu } from "../../support/gpu.ts";
import { leavesOf, nameOf, parametersOf, Sketch } from "../../support/networks.ts";
import { compileFor, parametersOn, readValue, runPlan } from "../../support/run-plan.ts";

/** The hidden layer's weight [22, 5·30] takes 240·4·24 bytes: three parts of 8, 8 and 6 channels under this limit. */
const LIMIT = 8192;
const BATCH = 3;

/** A network of a convolution, a wide hidden layer and a classifier; `tail` puts a ReLU behind the wide layer, which would be fused into it. */
function network(bias: boolean, tail: boolean): { graph: Graph; image: Value; logits: Value; of: Value } {
  const sketch = new Sketch(BATCH);
  const { builder: b } = sketch;
  const image = b.image(3, 6, 5);
  const y = b.relu(sketch.conv(b.normalise(image, [0.4, 0.5, 0.6], [0.2, 0.3, 0.25]), 5, 3, { padding: 1, bias: true }));
  const hidden = sketch.linear(b.flatten(y), 22, bias);
  const logits = sketch.linear(tail ? b.relu(hidden) : hidden, 3);
  return { graph: b.graph, image, logits, of: b.softmaxCrossEntropy(logits, b.labels()) };
}

describe("a linear layer whose weight no kernel can bind", () => {
  let gpu: Gpu;
  let scope: Scope;
  let usual: number;
  before(async () => { gpu = await testGpu(); scope = gpu.scope("test"); usual = gpu.tensorLimit; gpu.tensorLimit = LIMIT; });
  after(async () => { gpu.tensorLimit = usual; scope.dispose(); await closeTestGpu(); });

  for (const [bias, tail] of [[true, true], [false, true], [true, false]] as const) {
    it(`${bias ? "with" : "without"} a bias${tail ? " and with a ReLU" : ""} computes logits, the image's and every weight's gradient`, async () => {
      const { graph: forward, image, logits, of } = network(bias, tail);
      const weights = parametersOf(forward);
      const { graph, gradients } = differentiate(forward, of, [image, ...weights], 1 / BATCH);
      const leaves = leavesOf({ graph: forward }, 4);
      const truth = evaluate(graph, leaves, "train");
      const parameters = parametersOn(scope, forward, leaves, { gradients: true, slots: 1 });
      assert.deepEqual(parameters.entries.map(({ places }) => places.length).sort(), [...new Array<number>(weights.length - 1).fill(1), 3]);
      assert.ok(parameters.values.length >= 3 && parameters.values.every(({ bytes }) => bytes <= LIMIT), "flat tensors that can be bound");

      const dx = gradients.get(image)!;
      const plan = compileFor(gpu, scope, graph, parameters, leaves, { mode: "train", keep: [logits, dx], gradientsInto: new Map(weights.map((w) => [w, gradients.get(w)!])) });
      await runPlan(gpu, plan, 2);
      assertClose(await readValue(gpu, graph, plan.output(logits), logits), truth.of(logits), TOLERANCE.layer);
      assertClose(await readValue(gpu, graph, plan.output(dx), dx), truth.of(dx), TOLERANCE.layer);

      await runOnce(gpu, "sgd", parameters.values.map((w, i) => sgd(w, parameters.gradients[i]!, parameters.slots[0]![i]!, { n: elements(w.shape), learningRate: 1, momentum: 0.5, weightDecay: 0, nesterov: false })));
      const [moved, velocity] = [await parameters.save(), await parameters.saveSlot(0)];
      for (const w of weights) {
        const [name, gradient] = [nameOf(forward, w), truth.of(gradients.get(w)!)];
        assertClose(velocity.get(name)!.data, gradient, TOLERANCE.layer);
        assertClose(moved.get(name)!.data, leaves.parameters.get(name)!.map((v, i) => v - gradient[i]!), TOLERANCE.layer);
      }
    });
  }

  it("saves and loads weights and slots to the bit, whole and by their own names", async () => {
    const { graph } = network(true, true);
    const leaves = leavesOf({ graph }, 6);
    const parameters = parametersOn(scope, graph, leaves, { slots: 2 });
    const saved = await parameters.save();
    for (const [name, data] of leaves.parameters) assert.deepEqual(saved.get(name)!.data, Float32Array.from(data), name);
    const slot = new Map([...saved].map(([name, { shape, data }]) => [name, { shape, data: data.map((v) => 2 * v) }]));
    parameters.loadSlot(1, slot);
    assert.deepEqual(await parameters.saveSlot(1), slot);
    assert.ok([...(await parameters.saveSlot(0)).values()].every(({ data }) => data.every((v) => v === 0)));
    assert.throws(() => { parameters.loadSlot(0, new Map([...slot].slice(1))); }, { code: "WEIGHTS_CORRUPT" });
  });

  it("is one layer where its weight fits: then the graph stays as it is", () => {
    const { graph } = network(true, true);
    assert.equal(splitLinears(graph, new Map(), 240 * 4 * 24).graph, graph);
    assert.equal(splitLinears(graph, new Map(), 240 * 4 * 24 - 1).graph.nodes.filter(({ operation: { op } }) => op === "linear").length, 3);
  });

  it("is refused by name when it cannot be cut: a convolution's weight, or one output channel", () => {
    const sketch = new Sketch(1);
    const { builder: b } = sketch;
    const y = sketch.conv(b.normalise(b.image(3, 20, 20), [0, 0, 0], [1, 1, 1]), 16, 9);
    const weight = nameOf(b.graph, b.graph.nodes[y]!.inputs[1]!);
    b.softmaxCrossEntropy(sketch.linear(b.flatten(b.globalAveragePool(y)), 3), b.labels());
    assert.throws(() => new NetworkParameters(scope, b.graph), (error: { code: string; message: string; details: object }) => {
      assert.equal(error.code, "OUT_OF_MEMORY");
      assert.deepEqual(error.details, { name: weight, bytes: 81 * 4 * 16 * 4, limit: LIMIT });
      assert.match(error.message, new RegExp(`^parameters: expected each tensor to fit the 8192 bytes that .+ binds at once, got ${weight} \\[16, 3, 9, 9\\] of 20736 bytes; use an adapter that binds more`));
      return true;
    });
    const wide = new Sketch(1);
    wide.builder.softmaxCrossEntropy(wide.linear(wide.builder.flatten(wide.builder.normalise(wide.builder.image(4, 30, 30), [0, 0, 0, 0], [1, 1, 1, 1])), 3), wide.builder.labels());
    assert.throws(() => new NetworkParameters(scope, wide.builder.graph), { code: "OUT_OF_MEMORY" });
  });
});
