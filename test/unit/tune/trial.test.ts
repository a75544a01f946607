import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { systemClock } from "../../../services/common/clock.ts";
import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { Program } from "../../../services/engine/gpu/program.ts";
import { GraphBuilder, type Value } from "../../../services/engine/graph/graph.ts";
import { convGeometry, linearGeometry } from "../../../services/engine/kernels/conv/geometry.ts";
import { variantsOf } from "../../../services/engine/kernels/conv/variants.ts";
import { compilePlan } from "../../../services/engine/plan/compile.ts";
import { NetworkParameters } from "../../../services/engine/plan/parameters.ts";
import { shapeClass } from "../../../services/engine/tune/shape-class.ts";
import { GpuTrial, trialBatch } from "../../../services/engine/tune/trial.ts";
import { benchOf, tune } from "../../../services/engine/tune/tune.ts";
import { Choices, type Verdict } from "../../../services/engine/tune/verdict.ts";
import { type Work, workOf } from "../../../services/engine/tune/work.ts";
import { closeTestGpu, testGpu, uploadF32 } from "../../support/gpu.ts";
import { uniform } from "../../support/random.ts";

const OPERATIONS = ["forward", "grad-input", "grad-weight"] as const;
const geometry = convGeometry({ n: 1, c: 18, h: 9, w: 8 }, { k: 21, kh: 3, kw: 3, stride: 1, padding: 1, groups: 1 });

/** A convolution with several variants on lavapipe, and a linear layer. */
function network(batch: number) {
  const b = new GraphBuilder(batch);
  const image = b.image(17, 6, 5);
  const x = b.normalise(image, new Array<number>(17).fill(0), new Array<number>(17).fill(1));
  const y = b.relu(b.conv2d(x, b.parameter("conv.weight", [20, 17, 3, 3], { kind: "kaiming-uniform", fanIn: 153 }), undefined, { padding: 1 }));
  const logits = b.linear(b.flatten(y), b.parameter("fc.weight", [10, 600], { kind: "kaiming-uniform", fanIn: 600 }), undefined);
  return { graph: b.graph, logits };
}

describe("tuning on a device", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  it("takes a batch of bounded work and memory, and of one image at least", () => {
    const image = (h: number): number => trialBatch(convGeometry({ n: 9, c: 64, h, w: h }, { k: 64, kh: 3, kw: 3, stride: 1, padding: 1, groups: 1 }), true);
    assert.deepEqual([8, 32, 224].map(image), [42, 2, 1]); // 0.1e9 of 36,864 multiply-adds a pixel
    assert.equal(trialBatch(linearGeometry(5, 64, 64), false), 131_072); // 64 MiB of 512 bytes a row
  });

  for (const operation of OPERATIONS) {
    it(`runs every variant of a ${operation} product and finds each right`, async () => {
      const before = gpu.allocatedBytes;
      for (const g of [geometry, { ...geometry, groups: 3 }, linearGeometry(3, 20, 33)]) {
        const trial = new GpuTrial(gpu, systemClock, { operation, geometry: g });
        for (const variant of variantsOf(gpu.family, operation, g)) {
          const { ms, wrong } = await trial.attempt(variant);
          assert.equal(wrong, undefined, `${variant.name}: ${wrong}`);
          assert.ok(ms > 0 && await trial.time(variant.name, 2) > 0);
        }
        trial.dispose();
      }
      assert.equal(gpu.allocatedBytes, before);
    });
  }

  it("judges a network once, leaves no memory behind, and its verdicts give an image the same bits in any batch and every time", async () => {
    const before = gpu.allocatedBytes;
    const work = workOf(network(1).graph, { training: true });
    const verdicts = new Map<string, Verdict>();
    await tune(benchOf(gpu), work, verdicts);
    assert.equal(gpu.allocatedBytes, before);
    const several = work.filter(({ operation, geometry: g }) => variantsOf(gpu.family, operation, g).length > 1);
    assert.deepEqual([...verdicts.keys()], several.map(({ operation, geometry: g }) => shapeClass(operation, g)));
    for (const { ms, refused } of verdicts.values()) assert.ok(Object.keys(ms).length > 0 && Object.keys(refused).length === 0, JSON.stringify(refused));
    const alone = await logitsOf(1, verdicts);
    assert.deepEqual((await logitsOf(5, verdicts)).slice(0, alone.length), alone);
    assert.deepEqual(await logitsOf(1, verdicts), alone);
  });

  it("decides what a plan runs, and accounts for it", async () => {
    for (const work of workOf(network(1).graph, { training: false }).filter(({ operation }) => operation === "forward")) {
      const last = variantsOf(gpu.family, "forward", work.geometry).at(-1)!.name;
      const shape = shapeClass("forward", work.geometry);
      const choices = new Choices(decided(gpu, work, last));
      await logitsOf(2, choices.verdicts, choices);
      assert.deepEqual(choices.take()[shape], [last]);
    }
  });

  async function logitsOf(batch: number, verdicts: ReadonlyMap<string, Verdict>, choices = new Choices(verdicts)): Promise<Float32Array> {
    const { graph, logits } = network(batch);
    const scope = gpu.scope("test");
    gpu.tuning = choices;
    try {
      const parameters = new NetworkParameters(scope, graph);
      parameters.initialise(1);
      const image = uploadF32(scope, "image", uniform(1, batch * 17 * 30), [batch, 17 * 30]);
      const plan = compilePlan(gpu, scope, graph, parameters, { mode: "eval", image, keep: [logits as Value] });
      const program = await Program.prepare(gpu, "test", [...plan.prologue, ...plan.body]);
      program.run();
      const result = await gpu.readF32(plan.output(logits));
      program.dispose();
      return result;
    } finally {
      gpu.tuning = undefined;
      scope.dispose();
    }
  }
});

/** The verdict that this variant is the fastest. */
function decided(gpu: Gpu, { operation, geometry: g }: Work, faster: string): Map<string, Verdict> {
  const ms = Object.fromEntries(variantsOf(gpu.family, operation, g).map(({ name }) => [name, 1]));
  return new Map([[shapeClass(operation, g), { faster, ms, refused: {} }]]);
}
