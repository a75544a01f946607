import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { attributionSchema, type InequalityMeasure, measureName } from "../../schema/jobs/attribution.ts";
import { inequalitySummarySchema } from "../../schema/jobs/results.ts";
import { newId } from "../../services/common/ids.ts";
import { blockSumsReference } from "../../services/engine/reference/inequality/block-sums.ts";
import { giniReference } from "../../services/engine/reference/inequality/gini.ts";
import { signRuleReference } from "../../services/engine/reference/inequality/sign-rule.ts";
import { type InputShape, subPixels } from "../../services/lab/data/dataset.ts";
import { GiniMeter } from "../../services/lab/inequality/gini-meter.ts";
import { probeGini } from "../../services/lab/inequality/probe.ts";
import { InequalityLedger } from "../../services/lab/inequality/summarise.ts";
import { Session } from "../../services/lab/session.ts";
import { assertClose } from "../support/close.ts";
import { closeTestGpu, testGpu, uploadF32 } from "../support/gpu.ts";
import { crooked, mapsOf, randomNetwork } from "../support/lab.ts";
import { uniform } from "../support/random.ts";
import { toyDataset } from "../support/toy-dataset.ts";

const SEED = 3;
const GLOBAL: InequalityMeasure = { scope: "global", sign: "absolute" };
const regional = (mode: Extract<InequalityMeasure, { scope: "regional" }>["mode"], block: number): InequalityMeasure => ({ scope: "regional", mode, block });
const MODES = ["abs-sum", "signed-sum-positive", "positive-sum", "per-channel"] as const;
const MEASURES: readonly InequalityMeasure[] = [GLOBAL, { scope: "global", sign: "positive" }, ...MODES.map((mode) => regional(mode, 4)), regional("legacy-nopool", 4)];

describe(`inequality of maps, seed ${SEED}`, () => {
  let session: Session;
  before(async () => { session = new Session(await testGpu()); });
  after(async () => { session.dispose(); await closeTestGpu(); });

  const meterOf = (maps: ArrayLike<number>, shape: InputShape, measures: readonly InequalityMeasure[]): Promise<GiniMeter> =>
    GiniMeter.prepare(session, uploadF32(session.scope, "maps", maps, [maps.length / subPixels(shape), subPixels(shape)]), shape, maps.length / subPixels(shape), measures);
  const giniOf = async (maps: ArrayLike<number>, shape: InputShape, measures: readonly InequalityMeasure[]): Promise<number[][]> => {
    const measured = await (await meterOf(maps, shape, measures)).measure(maps.length / subPixels(shape));
    return measured.map(({ gini }) => [...gini]);
  };
  /** Signed values of very different sizes, as maps have. */
  const randomMaps = (n: number, shape: InputShape): Float64Array => uniform(SEED + n, n * subPixels(shape)).map((v) => Math.fround(v * v * v));

  const reference = (map: Float64Array, [c, h, w]: InputShape, measure: InequalityMeasure): number => {
    if (measure.scope === "global") return giniReference(signRuleReference(map, measure.sign));
    if (measure.mode === "legacy-nopool") return giniReference(signRuleReference(map, "positive"));
    return giniReference(blockSumsReference(map, { n: 1, c, h, w, block: measure.block }, measure.mode));
  };

  for (const shape of [[1, 28, 28], [3, 8, 8], [3, 7, 10]] as const) { // the last: blocks do not divide the sides
    it(`every measure is its f64 definition on [${shape.join(", ")}]`, async () => {
      const maps = randomMaps(5, shape);
      const m = subPixels(shape);
      const found = await giniOf(maps, shape, MEASURES);
      MEASURES.forEach((measure, k) => assertClose(found[k]!, Array.from({ length: 5 }, (_, i) => reference(maps.subarray(i * m, (i + 1) * m), shape, measure)), { atol: 2e-6, rtol: 0 }));
    });
  }

  it("regions are never more unequal than the sub-pixels they sum, and larger blocks never than smaller ones inside them", async () => {
    const maps = randomMaps(20, [3, 16, 16]);
    const [global, ...regions] = await giniOf(maps, [3, 16, 16], [GLOBAL, ...[1, 2, 4, 8, 16].map((block) => regional("abs-sum", block))]);
    [global!, ...regions].reduce((finer, coarser) => { coarser.forEach((v, i) => assert.ok(v <= finer[i]! + 1e-6, `image ${i}: ${v} > ${finer[i]}`)); return coarser; });
    assertClose(regions[4]!, new Array(20).fill(0), { atol: 0, rtol: 0 }); // one region: nothing to compare
  });

  it("is 0 for equal values and for none, and 1 − 1/m for a single one", async () => {
    const shape = [3, 4, 4] as const;
    const [flat, zero, single] = [new Array(48).fill(-0.5), new Array(48).fill(0), Array.from({ length: 48 }, (_, j) => Number(j === 7))];
    const [absolute, blocks] = await giniOf([...flat, ...zero, ...single], shape, [GLOBAL, regional("abs-sum", 2)]);
    assertClose(absolute!, [0, 0, 47 / 48], { atol: 1e-7, rtol: 0 });
    assertClose(blocks!, [0, 0, 3 / 4], { atol: 1e-7, rtol: 0 });
  });

  it("gives the sorted values behind each index", async () => {
    const maps = randomMaps(2, [1, 5, 5]);
    const measured = await (await meterOf(maps, [1, 5, 5], [GLOBAL])).measure(2);
    for (const i of [0, 1]) assert.deepEqual([...measured[0]!.sorted(i)], [...maps.subarray(i * 25, (i + 1) * 25)].map(Math.abs).sort((a, b) => a - b));
  });

  it("refuses maps that are not finite, wherever it looks, and blocks larger than the image", async () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      const maps = Float64Array.from(randomMaps(2, [1, 4, 4])).fill(bad, 20, 21);
      for (const measure of MEASURES) {
        await assert.rejects(giniOf(maps, [1, 4, 4], [measure]), { code: "VALUE_RANGE", message: /map 1 of the batch/ }, `${bad} ${measureName(measure)}`);
      }
    }
    await assert.rejects(giniOf(randomMaps(1, [1, 4, 6]), [1, 4, 6], [regional("abs-sum", 7)]), { code: "INVALID_INPUT", message: /block of at most 6 pixels, got 7/ });
  });

  it("does not look at maps beyond the count", async () => {
    const maps = Float64Array.from(randomMaps(3, [1, 4, 4])).fill(NaN, 32);
    const [measured] = await (await meterOf(maps, [1, 4, 4], [GLOBAL])).measure(2);
    assert.equal(measured!.gini.length, 2);
  });

  it("is summed up over batches as if they were one", async () => {
    const shape = [3, 8, 8] as const;
    const ids = [11, 5, 8, 2, 9];
    const maps = randomMaps(5, shape);
    const attribution = attributionSchema.parse({});
    const modelId = newId();
    const ledgerOf = async (cuts: readonly [number, number][]): Promise<InequalityLedger> => {
      const ledger = new InequalityLedger(modelId, attribution, MEASURES);
      for (const [from, to] of cuts) {
        const measured = await (await meterOf(maps.subarray(from * 192, to * 192), shape, MEASURES)).measure(to - from);
        ledger.add({ images: ids.slice(from, to), labels: ids.slice(from, to).map((id) => id % 3) }, measured, Float64Array.from({ length: to - from }, (_, i) => 0.1 * (from + i)));
      }
      return ledger;
    };
    const whole = await ledgerOf([[0, 5]]);
    const summaries = whole.summaries.map((summary) => inequalitySummarySchema.parse(summary));
    assert.deepEqual((await ledgerOf([[0, 2], [2, 3], [3, 5]])).summaries, summaries);
    assert.deepEqual(summaries.map(({ measure }) => measure), MEASURES);
    const [{ gini, histogram, lorenz, completenessGap }] = summaries as [(typeof summaries)[0]];
    const values = whole.images.filter(({ measure }) => measure === "gini/global/absolute");
    assert.deepEqual(values.map(({ image, label }) => [image, label]), ids.map((id) => [id, id % 3]));
    assertClose([gini.mean, completenessGap!.mean], [values.reduce((sum, { value }) => sum + value!, 0) / 5, 0.2], { atol: 1e-12, rtol: 0 });
    assert.equal(histogram.reduce((a, b) => a + b), 5);
    assert.deepEqual([lorenz[0], lorenz.at(-1), lorenz.length], [0, 1, 101]);
    // The Gini index is 1 minus twice the area under the Lorenz curve; here the area of its polygon through 101 points.
    const area = lorenz.slice(1).reduce((sum, share, i) => sum + (share + lorenz[i]!) / 200, 0);
    assert.ok(Math.abs(1 - 2 * area - gini.mean) < 2e-3, `${1 - 2 * area} against ${gini.mean}`);
    assert.equal(whole.images.length, 5 * (MEASURES.length + 1));
  });

  it("of a probe is the mean over its images, whatever the network predicts, and moves with the weights", async () => {
    const dataset = toyDataset({ test: 80 });
    const network = randomNetwork(session, crooked, { inputShape: dataset.inputShape, classCount: 3, mean: dataset.mean, std: dataset.std }, SEED);
    const indices = Array.from({ length: 70 }, (_, i) => 79 - i); // more than one batch
    const attribution = attributionSchema.parse({ steps: 3 });
    const probe = (): Promise<number> => probeGini(session, network, dataset, indices, attribution);
    const images = { x: Float32Array.from(indices.flatMap((i) => [...dataset.splits.test.pixels.subarray(i * 64, (i + 1) * 64)]), (v) => v / 255), labels: Uint32Array.from(indices, (i) => dataset.splits.test.labels[i]!), ids: Uint32Array.from(indices) };
    const { maps } = await mapsOf(session, network, { steps: 3 }, images, 16);
    const values = indices.map((_, i) => giniReference(signRuleReference(Float64Array.from(maps.subarray(i * 64, (i + 1) * 64)), "absolute")));
    const found = await probe();
    assertClose([found], [values.reduce((a, b) => a + b, 0) / 70], { atol: 1e-6, rtol: 0 });
    assert.equal(await probe(), found);
    network.parameters.initialise(SEED + 1);
    assert.notEqual(await probe(), found);
  });
});
