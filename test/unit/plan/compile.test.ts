import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { evaluate } from "../../../services/engine/cpu/evaluate.ts";
import type { Gpu, Scope } from "../../../services/engine/gpu/device.ts";
import { Program } from "../../../services/engine/gpu/program.ts";
import { differentiate } from "../../../services/engine/graph/differentiate.ts";
import { foldBatchNorm } from "../../../services/engine/graph/fold.ts";
import type { Graph, Value } from "../../../services/engine/graph/graph.ts";
import { compilePlan } from "../../../services/engine/plan/compile.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32 } from "../../support/gpu.ts";
import { assertNoOverlap } from "../../support/memory-plan.ts";
import { leavesOf, parametersOf, Sketch, type SmallNetwork, smallNetworks } from "../../support/networks.ts";
import { compileFor, parametersOn, readGradient, readValue, runPlan } from "../../support/run-plan.ts";

const whole = smallNetworks.at(-1)!;

/** The network's graph with the gradients of all parameters. */
function training({ graph: forward, of }: SmallNetwork): { graph: Graph; gradients: Map<Value, Value> } {
  return differentiate(forward, of, parametersOf(forward), 1 / forward.batch);
}

describe("compilePlan", () => {
  let gpu: Gpu;
  let scope: Scope;
  before(async () => { gpu = await testGpu(); scope = gpu.scope("test"); });
  after(async () => { scope.dispose(); await closeTestGpu(); });

  it("reuses memory without overlap", () => {
    const leaves = leavesOf(whole, 2);
    const { graph, gradients } = training(whole);
    const plan = compileFor(gpu, scope, graph, parametersOn(scope, graph, leaves, { gradients: true }), leaves, { mode: "train", keep: [whole.of], gradientsInto: gradients });
    assertNoOverlap(plan.memory);
    const withoutReuse = plan.memory.placements.reduce((sum, { block }) => sum + block.bytes, 0);
    const arenas = plan.memory.arenas.reduce((sum, bytes) => sum + bytes, 0);
    assert.ok(arenas < 0.75 * withoutReuse, `${arenas} of ${withoutReuse} bytes`);
  });

  it("computes the same bits whether operands have textures or not", async (t) => {
    if (gpu.family.kind !== "subgroup" || gpu.family.size !== 8) { t.skip(`${gpu.adapter.description} has no variants that read textures`); return; }
    const sketch = new Sketch(3);
    const { builder: b } = sketch;
    const x = b.normalise(b.image(3, 6, 5), [0.4, 0.5, 0.6], [0.2, 0.3, 0.25]);
    const y = b.relu(sketch.conv(b.relu(sketch.conv(x, 20, 3, { padding: 1, bias: true })), 24, 3, { padding: 1 }));
    const of = b.softmaxCrossEntropy(sketch.linear(b.flatten(b.relu(sketch.conv(y, 36, 3, { stride: 2 }))), 3), b.labels());
    const { graph, gradients } = differentiate(b.graph, of, parametersOf(b.graph), 1 / 3);
    const leaves = leavesOf({ graph: b.graph }, 5);
    const run = async (bare: boolean): Promise<{ values: Float32Array; copies: number }> => {
      gpu.tuning = bare ? { choose: (_operation, g, candidates) => candidates.find(({ textures, kernel }) => textures.length === 0 && kernel === candidates[0]!.kernel && g.groups === 1) } : undefined;
      try {
        const parameters = parametersOn(scope, graph, leaves, { gradients: true });
        const plan = compileFor(gpu, scope, graph, parameters, leaves, { mode: "train", keep: [of], gradientsInto: gradients });
        await runPlan(gpu, plan, 2);
        return { values: await gpu.readF32(parameters.gradients[0]!), copies: [...plan.prologue, ...plan.body].filter(({ kind }) => kind === "texture").length };
      } finally { gpu.tuning = undefined; }
    };
    const [bare, textured] = [await run(true), await run(false)];
    assert.equal(bare.copies, 0);
    assert.ok(textured.copies >= 6, `${textured.copies} copies`);
    assert.deepEqual(textured.values, bare.values);
  });

  it("creates no GPU object but encoders when it runs again", async () => {
    const leaves = leavesOf(whole, 2);
    const { graph, gradients } = training(whole);
    const plan = compileFor(gpu, scope, graph, parametersOn(scope, graph, leaves, { gradients: true }), leaves, { mode: "train", keep: [whole.of], gradientsInto: gradients });
    const program = await Program.prepare(gpu, "steady", [...plan.prologue, ...plan.body]);
    program.run();
    await gpu.idle();
    const [counts, bytes] = [{ ...gpu.counts }, gpu.allocatedBytes];
    for (let i = 0; i < 100; i++) program.run();
    await gpu.idle();
    assert.deepEqual(gpu.counts, counts);
    assert.equal(gpu.allocatedBytes, bytes);
    program.dispose();
  });

  it("gives the same bits when it runs again, and for an image whatever the batch it lies in", async () => {
    const bits = async (batch: number): Promise<{ logits: Float32Array; gradient: Float32Array }> => {
      const sketch = new Sketch(batch);
      const { builder: b } = sketch;
      const image = b.image(3, 8, 8);
      const x = b.relu(sketch.conv(b.normalise(image, [0.5, 0.5, 0.5], [0.2, 0.2, 0.2]), 8, 3, { padding: 1, bias: true }));
      const logits = sketch.linear(b.flatten(b.maxPool(b.relu(b.add(sketch.conv(x, 8, 3, { padding: 1 }), x)), { window: 2 })), 3);
      const { graph, gradients } = differentiate(b.graph, b.softmaxCrossEntropy(logits, b.labels()), [image], 1);
      const leaves = leavesOf({ graph }, 4);
      const small = { ...leaves, image: leaves.image.subarray(0, batch * 192) };
      const plan = compileFor(gpu, scope, graph, parametersOn(scope, graph, leaves), small, { mode: "eval", keep: [logits, gradients.get(image)!] });
      await runPlan(gpu, plan, 2);
      return { logits: await readValue(gpu, graph, plan.output(logits), logits), gradient: await readValue(gpu, graph, plan.output(gradients.get(image)!), gradients.get(image)!) };
    };
    const [five, again, two] = [await bits(5), await bits(5), await bits(2)];
    assert.deepEqual(again, five);
    assert.deepEqual(two.logits, five.logits.slice(0, 2 * 3));
    assert.deepEqual(two.gradient, five.gradient.slice(0, 2 * 192));
  });

  it("moves running statistics once per run in train mode, never in eval mode", async () => {
    const leaves = leavesOf(whole, 2);
    for (const mode of ["train", "eval"] as const) {
      const parameters = parametersOn(scope, whole.graph, leaves);
      await runPlan(gpu, compileFor(gpu, scope, whole.graph, parameters, leaves, { mode, keep: [whole.of] }), 3);
      let { states } = evaluate(whole.graph, leaves, mode);
      for (let i = 1; i < 3; i++) states = evaluate(whole.graph, { ...leaves, states }, mode).states;
      const saved = await parameters.save();
      for (const [name, state] of states) assertClose(saved.get(name)!.data, state, TOLERANCE.layer);
    }
  });

  it("computes nothing that is not wanted", () => {
    const leaves = leavesOf(whole, 2);
    const { graph } = differentiate(whole.graph, whole.of, [whole.image, ...parametersOf(whole.graph)], 1);
    const parameters = parametersOn(scope, whole.graph, leaves);
    const logits = compileFor(gpu, scope, graph, parameters, leaves, { mode: "eval", keep: [whole.logits] });
    const alone = compileFor(gpu, scope, whole.graph, parameters, leaves, { mode: "eval", keep: [whole.logits] });
    assert.equal(logits.body.length, alone.body.length);
    assert.equal(logits.macs, alone.macs);
    assert.equal(logits.prologue.length, 0);
  });

  it("takes a batch norm's statistics and gradient sums once each", () => {
    const leaves = leavesOf(whole, 2);
    const { graph, gradients } = training(whole);
    const plan = compileFor(gpu, scope, graph, parametersOn(scope, graph, leaves, { gradients: true }), leaves, { mode: "train", keep: [whole.of], gradientsInto: gradients });
    const count = (name: string): number => plan.body.filter((step) => step.kind === "dispatch" && step.spec.name === name).length;
    const norms = whole.graph.nodes.filter(({ operation }) => operation.op === "batchNorm").length;
    assert.deepEqual([count("norm/batch-statistics"), count("norm/batch-statistics-merge"), count("norm/batch-grad-sums")], [norms, norms, norms]);
    assert.equal(count("conv/column-sums"), 2, "the biases of the two linear layers; those of the norms come with their sums");
  });

  it("runs its body again and again after one prologue", async () => {
    const leaves = leavesOf(whole, 2);
    const folded = foldBatchNorm(whole.graph);
    const [image, of] = [folded.values.get(whole.image)!, folded.values.get(whole.of)!];
    const { graph, gradients } = differentiate(folded.graph, of, [image], 1);
    const dx = gradients.get(image)!;
    const plan = compileFor(gpu, scope, graph, parametersOn(scope, whole.graph, leaves), leaves, { mode: "eval", keep: [dx] });
    assert.ok(plan.prologue.length > 0);
    await runPlan(gpu, plan);
    const once = await readValue(gpu, graph, plan.output(dx), dx);
    await runPlan(gpu, { ...plan, prologue: [] }, 3);
    assert.deepEqual(await readValue(gpu, graph, plan.output(dx), dx), once);
  });

  it("writes the gradient of a parameter where it is kept, too, and copies one that belongs to two", async () => {
    const sketch = new Sketch(2);
    const { builder: b } = sketch;
    const x = b.flatten(b.normalise(b.image(2, 2, 2), [0, 0], [1, 1]));
    const [first, second, bias] = [sketch.weight(4, 8), sketch.weight(4, 4), sketch.weight(4)] as const;
    const twin = sketch.weight(4);
    const of = b.selectLogit(b.linear(b.linear(x, first, bias), second, twin), b.labels());
    const { graph, gradients } = differentiate(b.graph, of, [first, bias], 1);
    const leaves = leavesOf({ graph }, 3);
    const parameters = parametersOn(scope, graph, leaves, { gradients: true });
    const [dw, db] = [gradients.get(first)!, gradients.get(bias)!];
    const plan = compileFor(gpu, scope, graph, parameters, leaves, { mode: "eval", keep: [dw], gradientsInto: new Map([[first, dw], [bias, db], [twin, db]]) });
    await runPlan(gpu, plan);
    const truth = evaluate(graph, leaves, "eval");
    assertClose(await readValue(gpu, graph, plan.output(dw), dw), truth.of(dw), TOLERANCE.layer);
    for (const [parameter, gradient] of [[first, dw], [bias, db], [twin, db]] as const) assertClose(await readGradient(gpu, graph, parameters, parameter), truth.of(gradient), TOLERANCE.layer);
  });

  it("refuses by name what does not fit", () => {
    const leaves = leavesOf(whole, 2);
    const parameters = parametersOn(scope, whole.graph, leaves);
    const image = uploadF32(scope, "image", leaves.image);
    const folded = foldBatchNorm(whole.graph);
    const { graph, gradients } = training(whole);
    const refused = (make: () => unknown, message: RegExp): void => { assert.throws(make, { code: "SHAPE_MISMATCH", message }); };
    refused(() => compilePlan(gpu, scope, whole.graph, parameters, { mode: "eval", image, keep: [whole.of] }), /expected a tensor of labels/);
    refused(() => compileFor(gpu, scope, folded.graph, parameters, leaves, { mode: "train", keep: [folded.values.get(whole.of)!] }), /unfolded graph in train mode/);
    refused(() => compileFor(gpu, scope, graph, parameters, leaves, { mode: "eval", keep: [], gradientsInto: gradients }), /make them with \{ gradients: true \}/);
    refused(() => compileFor(gpu, scope, graph, parameters, leaves, { mode: "eval", keep: [], gradientsInto: new Map([[whole.image, whole.image]]) }), /gradientsInto to name trained parameters, got image/);
    refused(() => compilePlan(gpu, scope, whole.graph, parameters, { mode: "eval", image: uploadF32(scope, "short", new Float32Array(4)), keep: [whole.logits] }), /expected image to hold/);
    refused(() => compileFor(gpu, scope, whole.graph, parameters, leaves, { mode: "eval", keep: [whole.of] }).output(whole.logits), /expected a value of keep/);
    const sketch = new Sketch(1);
    const normed = sketch.norm(sketch.builder.normalise(sketch.builder.image(1, 1, 1), [0], [1]));
    refused(() => compileFor(gpu, scope, sketch.builder.graph, parametersOn(scope, sketch.builder.graph, leavesOf(sketch.builder, 1)), leavesOf(sketch.builder, 1), { mode: "train", keep: [normed] }), /use a larger batch/);
  });
});
