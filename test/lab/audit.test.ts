import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, it } from "node:test";

import { PNG } from "pngjs";

import { type BlobRef, type Results, type ResultsInput, resultsSchema } from "../../schema/jobs/results.ts";
import { type AuditConfig, auditConfigSchema, selectionSchema } from "../../schema/jobs/run-config.ts";
import { newId } from "../../services/common/ids.ts";
import type { SaveBlob } from "../../services/lab/audit/artifacts.ts";
import { audit, type AuditedModel } from "../../services/lab/audit/audit.ts";
import { runModelWork } from "../../services/lab/audit/model-work.ts";
import { select } from "../../services/lab/audit/sample-set.ts";
import type { Network } from "../../services/lab/models/network.ts";
import { type Progress, Session } from "../../services/lab/session.ts";
import { wilson } from "../../services/lab/statistics/intervals.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { crooked, linear, mapsOf, networkWith, predictionsOf, randomNetwork } from "../support/lab.ts";
import { uniform } from "../support/random.ts";
import { toyDataset } from "../support/toy-dataset.ts";

const SEED = 29;
const M = 64;
const dataset = toyDataset({ test: 60, noise: 160 });
const shape = { inputShape: dataset.inputShape, classCount: 3, mean: dataset.mean, std: dataset.std };
const x = Float32Array.from(dataset.splits.test.pixels, (v) => v / 255);
const labels = [...dataset.splits.test.labels];
const ids = [newId(), newId(), newId()];

function configOf(more: Record<string, unknown> = {}): AuditConfig {
  return auditConfigSchema.parse({
    kind: "audit", models: ids, dataset: "mnist", batchSize: 8, sampleSize: 13, keepExamples: 3, attribution: { steps: 5 },
    measures: [{ scope: "global" }, { scope: "regional", block: 4 }],
    attacks: [
      { kind: "pgd", epsilon: 0.2, steps: 4 }, { kind: "pgd", norm: "l2", epsilon: 1, steps: 3, target: 1 },
      { kind: "inductive-noise", type: "II", k: [4, 20], draws: 2 }, { kind: "inductive-occlusion", maxCount: 2, maxRadius: 2, colours: [0, 1] },
    ],
    ...more,
  });
}

/** Matches pictures against the mean of each class, with weights disturbed so that networks err on different images. */
function template(session: Session, seed: number): Network {
  const { pixels, labels: of, count } = dataset.splits.train;
  const weight = uniform(seed, 3 * M, 0.12);
  for (let i = 0; i < count; i++) for (let p = 0; p < M; p++) weight[of[i]! * M + p]! += (pixels[i * M + p]! / 255 - dataset.mean[0]!) / (count / 3);
  return networkWith(session, linear, shape, { "fc.weight": weight, "fc.bias": [0, 0, 0] });
}

describe(`the audit, on three small networks, seed ${SEED}`, () => {
  let session: Session;
  let models: AuditedModel[];
  let right: boolean[][];
  const blobs = new Map<string, Uint8Array>();
  const progress: Progress[] = [];
  const save: SaveBlob = async (bytes, contentType): Promise<BlobRef> => {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    blobs.set(sha256, bytes);
    return { sha256, bytes: bytes.length, contentType };
  };
  const run = async (config: AuditConfig, on = session, some = models): Promise<ResultsInput[]> => {
    const sent: ResultsInput[] = [];
    await audit(on, some, dataset, config, BigInt(SEED), save, (results) => { sent.push(results); });
    return sent;
  };
  let sent: ResultsInput[];
  let parts: Results[];

  before(async () => {
    session = new Session(await testGpu(), { onProgress: (p) => progress.push(p) });
    models = ids.map((id, i) => ({ id, name: `model ${i}`, network: template(session, SEED + i) }));
    right = [];
    for (const { network } of models) right.push((await predictionsOf(session, network, x, 60)).prediction.map((predicted, i) => predicted === labels[i]));
    sent = await run(configOf());
    parts = sent.map((results) => resultsSchema.parse(results));
  });
  after(async () => { session.dispose(); await closeTestGpu(); });

  it("first sends the sample set, right under all models, and each model's clean accuracy", () => {
    const [{ sampleSet, accuracies }] = parts as [Results];
    const all = labels.flatMap((_, i) => (right.every((model) => model[i]) ? [i] : []));
    assert.ok(right.every((model) => model.filter(Boolean).length > all.length), "the case shows nothing: one model is wrong wherever another is");
    assert.equal(new Set(sampleSet!.indices).size, 13);
    assert.ok(sampleSet!.indices.every((i) => all.includes(i)));
    assert.notDeepEqual(sampleSet!.indices, all.slice(0, 13), "the sample is not seeded");
    accuracies.forEach(({ modelId, clean }, m) => assert.deepEqual({ modelId, clean }, { modelId: ids[m], clean: wilson(right[m]!.filter(Boolean).length, 60) }));
    assert.equal(parts.length, 4);
  });

  it("then sends results of the schema's shape, each model's its own, with JSON that keeps every number", () => {
    for (const [m, part] of parts.slice(1).entries()) {
      const named = [...part.images, ...part.inequality, ...part.attacks, ...part.artifacts].map(({ modelId }) => modelId);
      assert.ok(named.length > 0 && named.every((id) => id === ids[m]));
      assert.deepEqual(resultsSchema.parse(JSON.parse(JSON.stringify(sent[m + 1]))), part);
      assert.equal(part.inequality.length, 2);
      assert.equal(part.attacks.length, 2 + 4 + 4);
      const keys = part.images.map(({ measure, image }) => `${measure} ${image}`);
      assert.equal(new Set(keys).size, keys.length, "one row for each measure and image");
    }
    assert.notDeepEqual(parts[1]!.inequality[0]!.gini, parts[2]!.inequality[0]!.gini);
  });

  it("counts what the rows of the images say", () => {
    const sample = new Set(parts[0]!.sampleSet!.indices);
    for (const part of parts.slice(1)) {
      for (const { attack, placement, k, colour, error, accuracy } of part.attacks) {
        const name = attack.kind === "pgd" ? (attack.norm === "l2" ? "pgd-l2/epsilon=1/steps=3/target=1" : "pgd-linf/epsilon=0.2/steps=4") : attack.kind === "inductive-noise" ? `noise-II/k=${k}/${placement}` : `occlusion/2x2/colour=${colour}/${placement}`;
        const rows = part.images.filter(({ measure }) => measure === name);
        const draws = attack.kind === "inductive-noise" ? 2 : 1;
        const inSample = rows.filter(({ image }) => sample.has(image));
        assert.deepEqual(error, wilson(Math.round(inSample.reduce((sum, { value }) => sum + value! * draws, 0)), inSample.length * draws), name);
        for (const row of rows) assert.equal(row.success, draws === 1 ? row.value === 1 : null);
        if (attack.kind !== "pgd" || attack.target === undefined) assert.equal(inSample.length, 13, name);
        if (attack.kind === "pgd" && attack.target !== undefined) assert.ok(rows.every(({ label, success, prediction }) => label !== 1 && success === (prediction === 1)), "a targeted attack leaves the images of its class out");
        if (!accuracy) { assert.ok(attack.kind !== "pgd" || attack.target !== undefined); continue; }
        assert.equal(accuracy.n, 13);
        assert.equal(rows.length, new Set(rows.map(({ image }) => image)).size);
        assert.ok(rows.length > 13 && rows.length <= 26, `${rows.length} images: the sample, and the first 13 of the order whether right or wrong`);
        assert.ok(accuracy.count <= 13 && accuracy.low <= accuracy.rate && accuracy.rate <= accuracy.high);
      }
      for (const { measure, gini, completenessGap } of part.inequality) {
        const name = measure.scope === "global" ? "gini/global/absolute" : "gini/regional-4/abs-sum";
        const values = part.images.filter((row) => row.measure === name).map(({ value }) => value!);
        assert.equal(values.length, 13);
        assert.ok(Math.abs(gini.mean - values.reduce((a, b) => a + b, 0) / 13) < 1e-12);
        assert.ok(completenessGap!.n === 13 && completenessGap!.mean < 1e-4, "a linear network's paths are complete");
      }
    }
  });

  it("keeps maps as float32 and pictures as PNG, of the first images of the sample", async () => {
    const first = parts[0]!.sampleSet!.indices.slice(0, 3);
    const kinds = (measure: string, kind: string): unknown[] => parts[1]!.artifacts.filter((a) => a.measure === measure && a.kind === kind).map(({ image }) => image);
    assert.deepEqual([kinds("integrated-gradients", "attribution"), kinds("integrated-gradients", "heat-map"), kinds("clean", "original"), kinds("pgd-linf/epsilon=0.2/steps=4", "adversarial"), kinds("noise-II", "adversarial"), kinds("occlusion/2x2", "adversarial")], new Array(6).fill(first));
    assert.equal(parts[1]!.artifacts.length, 3 * 7);
    for (const { kind, image, blob, shape: sides } of parts[1]!.artifacts) {
      const bytes = blobs.get(blob.sha256)!;
      assert.deepEqual([bytes.length, sides], [blob.bytes, [1, 8, 8]]);
      if (kind === "attribution") {
        const one = { x: x.slice(image * M, (image + 1) * M), labels: Uint32Array.of(labels[image]!), ids: Uint32Array.of(image) };
        const { maps } = await mapsOf(session, models[0]!.network, { steps: 5 }, one, 8);
        assert.deepEqual(new Float32Array(Uint8Array.from(bytes).buffer), maps);
        assert.equal(blob.contentType, "application/octet-stream");
        continue;
      }
      const png = PNG.sync.read(Buffer.from(bytes));
      assert.deepEqual([png.width, png.height, blob.contentType], [224, 224, "image/png"]);
      if (kind === "original") for (const p of [0, 7, 63]) assert.equal(png.data[(Math.floor(p / 8) * 28 * 224 + (p % 8) * 28) * 4], dataset.splits.test.pixels[image * M + p]);
    }
  });

  it("reports progress up to the end, phase by phase", () => {
    const auditing = progress.filter(({ phase }) => phase.startsWith("auditing"));
    assert.deepEqual([...new Set(progress.map(({ phase }) => phase))], ["clean predictions", "auditing model 0", "auditing model 1", "auditing model 2"]);
    auditing.forEach(({ done, total }, i) => assert.ok(done <= total && (i === 0 || done > auditing[i - 1]!.done)));
    assert.equal(auditing.at(-1)!.done, auditing.at(-1)!.total);
    assert.equal(auditing.at(-1)!.etaSeconds, 0);
  });

  it("gives the same results again, with another batch size, and in other launches", async () => {
    assert.deepEqual(await run(configOf()), sent);
    // Rows come batch by batch; what they say must not depend on it.
    const sorted = (results: ResultsInput[]): unknown => results.map(({ images = [], artifacts = [], ...rest }) => ({ ...rest, rows: [...images, ...artifacts].map((row) => JSON.stringify(row)).sort() }));
    assert.deepEqual(sorted(await run(configOf({ batchSize: 5 }))), sorted(sent));
    for (const maxRows of [3, 20]) {
      const own = new Session(session.gpu, { maxRows });
      try { assert.deepEqual(sorted(await run(configOf(), own)), sorted(sent), `at most ${maxRows} rows`); } finally { own.dispose(); }
    }
  });

  it("says how many images it found when there are too few", async () => {
    const common = labels.filter((_, i) => right.every((model) => model[i])).length;
    await assert.rejects(run(configOf({ sampleSize: common + 1 })), { code: "TOO_FEW_IMAGES", message: new RegExp(`expected ${common + 1} images of mnist/test that all 3 models classify correctly, found ${common} of 60`), details: { expected: common + 1, found: common, of: 60 } });
    const none = [{ id: ids[0]!, name: "random", network: randomNetwork(session, crooked, shape, 1) }];
    await assert.rejects(run(configOf({ models: [ids[0]], sampleSize: 60 }), session, none), { code: "TOO_FEW_IMAGES", message: /that the model classifies correctly, found \d+ of 60/ });
  });

  it("refuses a model that does not fit the data", async () => {
    const wide = { id: ids[0]!, name: "wide", network: randomNetwork(session, crooked, { ...shape, classCount: 4 }, 1) };
    await assert.rejects(run(configOf({ sampleSize: 60 }), session, [wide]), { code: "DATASET_MISMATCH", message: /expected 1×8×8 images of 4 classes, got 1×8×8 images of 3 classes/ });
  });

  it("is cancelled between two batches, for the reason given, and leaves nothing behind", async () => {
    const allocated = session.gpu.allocatedBytes;
    for (const phase of ["clean predictions", "auditing model 1"]) {
      const controller = new AbortController();
      const own: Session = new Session(session.gpu, { signal: controller.signal, onProgress: (p) => { if (p.phase === phase) controller.abort(new Error(`enough of ${phase}`)); } });
      try {
        const some = ids.map((id, i) => ({ id, name: `model ${i}`, network: template(own, SEED + i) }));
        await assert.rejects(run(configOf(), own, some), new RegExp(`enough of ${phase}`));
      } finally { own.dispose(); }
      assert.equal(session.gpu.allocatedBytes, allocated);
    }
    assert.deepEqual((await run(configOf())).length, 4, "the device works on");
  });

  it("does only what is asked: attacks without maps, maps without measures", async () => {
    const [model] = models as [AuditedModel];
    const work = {
      modelId: model.id, network: model.network, dataset, split: "test" as const, sample: [3, 1, 4], right: new Set([3, 4]), pgdImages: [3, 1, 4], accuracyOver: new Set([3, 1, 4]),
      attribution: configOf().attribution, measures: [], attacks: [], batchSize: 2, seed: 1n, keepMaps: 0, keepExamples: 0,
    };
    const empty = { images: [], inequality: [], attacks: [], artifacts: [] };
    assert.deepEqual(await runModelWork(session, work, save), empty);
    const attacked = await runModelWork(session, { ...work, attacks: configOf().attacks.slice(0, 1) }, save);
    assert.deepEqual(attacked.images.map(({ image }) => image), [3, 1, 4]);
    assert.deepEqual([attacked.attacks[0]!.error.n, attacked.attacks[0]!.accuracy!.n], [2, 3]);
    const mapped = await runModelWork(session, { ...work, keepMaps: Infinity }, save);
    assert.deepEqual(mapped.images.map(({ measure, image }) => [measure, image]), [3, 1, 4].map((image) => ["completeness-gap", image]));
    assert.equal(mapped.artifacts.filter(({ kind }) => kind === "attribution").length, 3);
  });

  describe("selection", () => {
    const choose = (selection: Record<string, unknown>): ReturnType<typeof select> => select(session, models[0]!.network, dataset, selectionSchema.parse(selection), BigInt(SEED));

    it("takes seeded images that the model gets right, or any, or the named ones", async () => {
      const seeded = await choose({ count: 9 });
      assert.ok(seeded.indices.length === 9 && seeded.indices.every((i) => right[0]![i]) && seeded.right.size === 9, `${seeded.indices.join()}`);
      const any = await choose({ count: 20, correctOnly: false });
      assert.deepEqual([...any.right], any.indices.filter((i) => right[0]![i]));
      assert.ok(any.right.size < 20, "the case shows nothing: all are right");
      assert.deepEqual(seeded.indices, any.indices.filter((i) => right[0]![i]).slice(0, 9), "both follow one order");
      assert.deepEqual((await choose({ indices: [5, 2, 40], correctOnly: false })).indices, [5, 2, 40]);
      assert.deepEqual((await choose({ indices: labels.map((_, i) => i) })).indices, labels.flatMap((_, i) => (right[0]![i] ? [i] : [])));
    });

    it("refuses what is not there", async () => {
      await assert.rejects(choose({ indices: [3, 60] }), { code: "INVALID_INPUT", message: /indices below 60 \(mnist\/test\), got 60/ });
      await assert.rejects(choose({ count: 61, correctOnly: false }), { code: "TOO_FEW_IMAGES", message: /expected 61 images of mnist\/test, it has 60/ });
      const wrong = labels.flatMap((_, i) => (right[0]![i] ? [] : [i]));
      await assert.rejects(choose({ indices: wrong }), { code: "TOO_FEW_IMAGES", message: /none is; set correctOnly to false/ });
    });
  });
});
