import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { type AttributionConfig, attributionSchema } from "../../schema/jobs/attribution.ts";
import { Attributor } from "../../services/lab/attributions/attributor.ts";
import type { ModelShape } from "../../services/lab/models/architecture.ts";
import type { Network } from "../../services/lab/models/network.ts";
import { Session } from "../../services/lab/session.ts";
import { assertClose } from "../support/close.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { crooked, linear, mapsOf, networkWith, pick, predictionsOf, randomImages, randomNetwork } from "../support/lab.ts";

const SEED = 5;
const SHAPE: ModelShape = { inputShape: [3, 6, 5], classCount: 4, mean: [0.3, 0.5, 0.6], std: [0.2, 0.25, 0.3] };
const M = 90;
const METHODS: readonly Partial<AttributionConfig>[] = [{ method: "saliency" }, { method: "input-x-gradient" }, { steps: 7 }, { steps: 5, rule: "trapezoid", baseline: "grey" }];

describe(`attributions of small networks, seed ${SEED}`, () => {
  let session: Session;
  let network: Network;
  const images = randomImages(SHAPE, 21, SEED);
  before(async () => {
    session = new Session(await testGpu());
    network = randomNetwork(session, crooked, SHAPE, SEED);
  });
  after(async () => { session.dispose(); await closeTestGpu(); });

  for (const config of METHODS) {
    it(`gives an image the same bits in any batch: ${JSON.stringify(config)}`, async () => {
      const wanted = await mapsOf(session, network, config, images, 8);
      assert.ok(wanted.maps.some((v) => v !== 0));
      for (const batch of [1, 3, 64]) assert.deepEqual(await mapsOf(session, network, config, images, batch), wanted, `batch ${batch}`);
      // 1 and 3: a path spans many launches; 20: more images than one group of paths.
      for (const maxRows of [1, 3, 64]) {
        const own = new Session(session.gpu, { maxRows });
        try { assert.deepEqual(await mapsOf(own, network, config, images, 20), wanted, `at most ${maxRows} rows`); } finally { own.dispose(); }
      }
      const backwards = pick(images, Array.from({ length: 21 }, (_, i) => 20 - i));
      const { maps } = await mapsOf(session, network, config, backwards, 8);
      for (let i = 0; i < 21; i++) assert.deepEqual(maps.subarray((20 - i) * M, (21 - i) * M), wanted.maps.subarray(i * M, (i + 1) * M), `image ${i}, order reversed`);
    });
  }

  it("completes: the sum of a map is the rise of the label's logit, up to the gap that is reported", async () => {
    for (const [baseline, colours] of [["mean", SHAPE.mean], ["black", [0, 0, 0]], ["grey", [0.5, 0.5, 0.5]]] as const) {
      const { maps, gap } = await mapsOf(session, network, { baseline, steps: 4 }, images, 8);
      const start = Float32Array.from({ length: M }, (_, j) => colours[Math.floor(j / 30)]!);
      const { logits } = await predictionsOf(session, network, Float32Array.of(...images.x, ...start), 11);
      const missing = Array.from(images.labels, (label, i) => Math.abs(maps.subarray(i * M, (i + 1) * M).reduce((a, b) => a + b, 0) - (logits[i]![label]! - logits[21]![label]!)));
      assertClose(gap, missing, { atol: 2e-6, rtol: 0 });
    }
  });

  it("closes the gap with more steps, by both rules", async () => {
    for (const rule of ["gauss-legendre", "trapezoid"] as const) {
      const means: number[] = [];
      for (const steps of [2, 8, 32, 128]) {
        const { gap } = await mapsOf(session, network, { baseline: "black", rule, steps }, images, 32);
        means.push(gap.reduce((a, b) => a + b, 0) / gap.length);
      }
      for (let i = 1; i < means.length; i++) assert.ok(means[i]! < means[i - 1]! / 2, `${rule}: mean gaps ${means.join(", ")}`);
    }
  });

  it("starts the path at the mean colour of the normalisation, or at what is given", async () => {
    const atMean = await mapsOf(session, network, { baseline: "mean", steps: 3 }, images, 8);
    assert.deepEqual(await mapsOf(session, network, { baseline: "given", baselineValues: [...SHAPE.mean], steps: 3 }, images, 8), atMean);
    assert.deepEqual(await mapsOf(session, network, { baseline: "given", baselineValues: Array.from({ length: M }, (_, j) => SHAPE.mean[Math.floor(j / 30)]!), steps: 3 }, images, 8), atMean);
    assert.notDeepEqual(await mapsOf(session, network, { baseline: "black", steps: 3 }, images, 8), atMean);
    assert.deepEqual(await mapsOf(session, network, { baseline: "given", baselineValues: [0], steps: 3 }, images, 8), await mapsOf(session, network, { baseline: "black", steps: 3 }, images, 8));
    await assert.rejects(mapsOf(session, network, { baseline: "given", baselineValues: [0, 1], steps: 3 }, images, 8), { code: "INVALID_INPUT", message: /expected 1, 3 or 90 numbers, got 2/ });
  });

  it("explains the label, not the prediction", async () => {
    const w = Array.from({ length: 4 * M }, (_, i) => ((i * 7) % 11) / 11);
    const plain = networkWith(session, linear, { ...SHAPE, mean: [0, 0, 0], std: [1, 1, 1] }, { "fc.weight": w, "fc.bias": [0, 0, 0, 0] });
    for (const label of [0, 1, 2, 3]) {
      const { maps } = await mapsOf(session, plain, { method: "saliency" }, { ...pick(images, [0]), labels: Uint32Array.of(label) }, 2);
      assertClose(maps, w.slice(label * M, (label + 1) * M), { atol: 1e-7, rtol: 1e-6 });
    }
  });

  it("follows the weights when they change", async () => {
    const changing = randomNetwork(session, crooked, SHAPE, 1);
    const before = await mapsOf(session, changing, { steps: 3 }, images, 8);
    changing.parameters.initialise(SEED);
    const after = await mapsOf(session, changing, { steps: 3 }, images, 8);
    assert.notDeepEqual(after, before);
    assert.deepEqual(after, await mapsOf(session, network, { steps: 3 }, images, 8));
  });

  it("takes one launch for one image's path", async () => {
    const launches: string[] = [];
    class Counting extends Session {
      override async prepare(...[label, steps]: Parameters<Session["prepare"]>): ReturnType<Session["prepare"]> {
        const program = await super.prepare(label, steps);
        const run = program.run.bind(program);
        program.run = (values) => { launches.push(label); run(values); };
        return program;
      }
    }
    const own = new Counting(session.gpu);
    try {
      await mapsOf(own, network, { steps: 50 }, pick(images, [4]), 1);
      assert.deepEqual(launches, ["path: begin", "path: points", "path: gradient", "path: sum", "path: end", "keep maps"]);
    } finally { own.dispose(); }
  });

  it("creates no GPU object once it has run", async () => {
    const attributor = await Attributor.prepare(session, network, attributionSchema.parse({ steps: 7 }), 8);
    const some = pick(images, [0, 1, 2]);
    await attributor.attribute(some.x, some.labels);
    const counts = { ...session.gpu.counts };
    await attributor.attribute(some.x, some.labels);
    assert.deepEqual(session.gpu.counts, counts);
  });

  it("refuses more images than a batch, and weights that overflow", async () => {
    const attributor = await Attributor.prepare(session, network, attributionSchema.parse({ steps: 7 }), 8);
    await assert.rejects(attributor.attribute(images.x, images.labels), { code: "SHAPE_MISMATCH", message: /at most 8 images, got 21/ });
    const huge = networkWith(session, linear, SHAPE, { "fc.weight": new Array<number>(4 * M).fill(3e38), "fc.bias": [0, 0, 0, 0] });
    for (const config of METHODS) await assert.rejects(mapsOf(session, huge, config, images, 8), { code: "VALUE_RANGE", message: /expected finite logits and gradients/ }, JSON.stringify(config));
  });

  it("stops when the run is cancelled, for the reason given", async () => {
    const controller = new AbortController();
    const cancelled = new Session(session.gpu, { signal: controller.signal });
    const allocated = session.gpu.allocatedBytes;
    try {
      const attributor = await Attributor.prepare(cancelled, randomNetwork(cancelled, crooked, SHAPE, SEED), attributionSchema.parse({ steps: 3 }), 8);
      const some = pick(images, [0, 1]);
      await attributor.attribute(some.x, some.labels);
      controller.abort(new Error("stop here"));
      await assert.rejects(attributor.attribute(some.x, some.labels), /stop here/);
    } finally { cancelled.dispose(); }
    assert.equal(session.gpu.allocatedBytes, allocated);
  });
});
