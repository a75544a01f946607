import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { attackSchema, type InductiveNoiseConfig, type InductiveOcclusionConfig } from "../../schema/jobs/attack.ts";
import { attributionSchema } from "../../schema/jobs/attribution.ts";
import { seedWords } from "../../services/common/rng.ts";
import { runOnce } from "../../services/engine/gpu/program.ts";
import { fillNormal } from "../../services/engine/kernels/random/fill-normal.ts";
import { fillUniform } from "../../services/engine/kernels/random/fill-uniform.ts";
import { Guide } from "../../services/lab/attacks/guide.ts";
import { InductiveNoise } from "../../services/lab/attacks/inductive-noise.ts";
import { InductiveOcclusion } from "../../services/lab/attacks/inductive-occlusion.ts";
import type { AttackedBatch, ImageBatch, VariantResult } from "../../services/lab/attacks/variant.ts";
import { subPixels } from "../../services/lab/data/dataset.ts";
import type { ModelShape } from "../../services/lab/models/architecture.ts";
import type { Network } from "../../services/lab/models/network.ts";
import { Session } from "../../services/lab/session.ts";
import { STREAM } from "../../services/lab/streams.ts";
import { closeTestGpu, testGpu, uploadU32 } from "../support/gpu.ts";
import { crooked, cut, joined, mapsOf, pick, predictionsOf, randomImages, randomNetwork } from "../support/lab.ts";

const SEED = 23;
const SHAPE: ModelShape = { inputShape: [3, 7, 5], classCount: 4, mean: [0.3, 0.5, 0.6], std: [0.2, 0.25, 0.3] };
const [C, H, W] = SHAPE.inputShape;
const M = subPixels(SHAPE.inputShape);
const ATTRIBUTION = attributionSchema.parse({ method: "input-x-gradient" });
const KS = [1, 9, 40, M];

describe(`inductive attacks on a small network, seed ${SEED}`, () => {
  let session: Session;
  let network: Network;
  let images: ImageBatch;
  before(async () => {
    session = new Session(await testGpu());
    network = randomNetwork(session, crooked, SHAPE, SEED);
    const random = randomImages(SHAPE, 9, SEED);
    // Labelled as predicted: then every attack has something to change.
    images = { ...random, x: random.x.map((v) => 0.1 + 0.8 * v), labels: Uint32Array.from((await predictionsOf(session, network, random.x.map((v) => 0.1 + 0.8 * v), 9)).prediction) };
  });
  after(async () => { session.dispose(); await closeTestGpu(); });

  type Attack = { readonly batches: AttackedBatch[]; readonly results: VariantResult[]; readonly ranks: { inductive: Uint32Array; random: Uint32Array }; readonly centres: { inductive: Uint32Array; random: Uint32Array } };
  const attack = async (config: { kind: "inductive-noise" | "inductive-occlusion" } & Record<string, unknown>, from: ImageBatch, batch: number, seed = 1n, on = session): Promise<Attack> => {
    const parsed = attackSchema.parse(config) as InductiveNoiseConfig | InductiveOcclusionConfig;
    const guide = await Guide.prepare(on, network, ATTRIBUTION, batch, seed);
    const recipe = parsed.kind === "inductive-noise" ? await InductiveNoise.prepare(on, network, parsed, guide, seed) : await InductiveOcclusion.prepare(on, network, parsed, guide);
    const batches: AttackedBatch[] = [];
    const words = { inductive: [] as number[], random: [] as number[] };
    const places = { ranks: structuredClone(words), centres: structuredClone(words) };
    for (const some of cut(from, batch)) {
      await guide.load(some);
      batches.push(await recipe.attack(some, true));
      for (const [kind, tensors, width] of [["ranks", guide.rank, M], ["centres", guide.centres, H * W]] as const) {
        for (const placement of ["inductive", "random"] as const) places[kind][placement].push(...(await session.gpu.read(tensors[placement])).subarray(0, some.labels.length * width));
      }
    }
    const results = batches[0]!.results.map((_, v) => joined(batches.map(({ results: all }) => all[v]!)));
    const typed = (kind: "ranks" | "centres") => ({ inductive: Uint32Array.from(places[kind].inductive), random: Uint32Array.from(places[kind].random) });
    return { batches, results, ranks: typed("ranks"), centres: typed("centres") };
  };
  const examplesOf = ({ batches }: Attack): Float32Array => Float32Array.from(batches.flatMap(({ examples }) => [...examples!]));
  /** σ of every sub-pixel, from the kernel alone. */
  const noiseOf = async ({ ids }: ImageBatch, law: "gaussian" | "uniform" = "gaussian", seed = 1n, draw = 0): Promise<Float32Array> => {
    const [seedLow, seedHigh] = seedWords(seed);
    const key = { n: ids.length, m: M, seedLow, seedHigh, draw, stream: STREAM.noise };
    const [rows, noise] = [uploadU32(session.scope, "ids", ids), session.scope.tensor("noise", [ids.length, M])];
    await runOnce(session.gpu, "noise", [law === "gaussian" ? fillNormal(rows, noise, key) : fillUniform(rows, noise, { ...key, low: 0, high: 1 })]);
    return session.gpu.readF32(noise);
  };
  const isPermutation = (row: Uint32Array): boolean => new Set(row).size === row.length && row.every((v) => v < row.length);

  it("ranks by the signed map, and at random by seed and image", async () => {
    const { maps } = await mapsOf(session, network, ATTRIBUTION, images, 9);
    const { ranks, centres } = await attack({ kind: "inductive-occlusion" }, images, 4);
    for (let i = 0; i < 9; i++) {
      const map = maps.subarray(i * M, (i + 1) * M);
      const order = Array.from(map.keys()).sort((a, b) => map[b]! - map[a]! || a - b);
      order.forEach((place, rank) => assert.equal(ranks.inductive[i * M + place], rank));
      const mean = Array.from({ length: H * W }, (_, p) => (map[p]! + map[H * W + p]! + map[2 * H * W + p]!) / C);
      const highest = centres.inductive[i * H * W]!;
      assert.ok(mean[highest]! >= Math.max(...mean) - 1e-6, `image ${i}: centre ${highest}`);
      for (const [words, width] of [[ranks.random, M], [centres.random, H * W], [centres.inductive, H * W]] as const) assert.ok(isPermutation(words.subarray(i * width, (i + 1) * width)));
    }
    assert.notDeepEqual(ranks.random.subarray(0, M), ranks.random.subarray(M, 2 * M));
    assert.deepEqual((await attack({ kind: "inductive-occlusion" }, images, 9)).ranks, ranks);
    assert.notDeepEqual((await attack({ kind: "inductive-occlusion" }, images, 9, 2n)).ranks.random, ranks.random);
  });

  for (const type of ["I", "II"] as const) {
    it(`noise ${type} disturbs exactly the k highest-ranked sub-pixels, its control exactly k others, with the same σ`, async () => {
      const noise = await noiseOf(images);
      const found = await attack({ kind: "inductive-noise", type, k: KS }, images, 4);
      const perturbed = (rank: Uint32Array, k: number): Float32Array => images.x.map((v, j) => {
        const touched = Math.fround(type === "I" ? v + noise[j]! : noise[j]!);
        return rank[j]! < k ? Math.min(1, Math.max(0, touched)) : v;
      });
      assert.deepEqual(found.results.map(({ variant: { placement, k } }) => [placement, k]), ["inductive", "random"].flatMap((placement) => KS.map((k) => [placement, k])));
      for (const { variant: { placement, k }, prediction, success } of found.results) {
        const wanted = await predictionsOf(session, network, perturbed(found.ranks[placement as "inductive"], k!), 9);
        assert.deepEqual([...prediction], wanted.prediction, `${placement}, k = ${k}`);
        assert.deepEqual([...success], wanted.prediction.map((predicted, i) => Number(predicted !== images.labels[i])));
      }
      assert.deepEqual(examplesOf(found), perturbed(found.ranks.inductive, M), "examples are of the largest k");
      for (const k of [1, 9, 40]) {
        const one = examplesOf(await attack({ kind: "inductive-noise", type, k: [k] }, images, 9));
        assert.deepEqual(one, perturbed(found.ranks.inductive, k));
        for (let i = 0; i < 9; i++) assert.ok(one.subarray(i * M, (i + 1) * M).reduce((count, v, j) => count + Number(v !== images.x[i * M + j]), 0) <= k);
      }
    });
  }

  it("noise is standard normal cut to [0, 1], or uniform there, by seed, image and draw", async () => {
    const all = async (law: string, seed: bigint, from = images): Promise<Float32Array> => examplesOf(await attack({ kind: "inductive-noise", type: "II", k: [M], law }, from, 4, seed));
    for (const law of ["gaussian", "uniform"] as const) {
      const found = await all(law, 1n);
      assert.deepEqual(found, (await noiseOf(images, law)).map((v) => Math.min(1, Math.max(0, v))));
      assert.notDeepEqual(await all(law, 2n), found);
      const [second] = cut(pick(images, [1]), 1);
      assert.deepEqual(await all(law, 1n, second!), found.subarray(M, 2 * M));
    }
  });

  it("of several draws reports the share that succeeded", async () => {
    const draws = await attack({ kind: "inductive-noise", type: "II", k: [40], draws: 4 }, images, 4);
    const single = await attack({ kind: "inductive-noise", type: "II", k: [40], draws: 1 }, images, 4);
    const wanted = new Float64Array(9);
    for (const draw of [0, 1, 2, 3]) {
      const noise = await noiseOf(images, "gaussian", 1n, draw);
      const { prediction } = await predictionsOf(session, network, images.x.map((v, j) => (draws.ranks.inductive[j]! < 40 ? Math.min(1, Math.max(0, noise[j]!)) : v)), 9);
      prediction.forEach((predicted, i) => { wanted[i]! += Number(predicted !== images.labels[i]) / 4; });
    }
    assert.deepEqual([draws.results[0]!.success, draws.results[0]!.draws], [wanted, 4]);
    assert.ok(wanted.some((share) => share > 0 && share < 1), "four draws never disagree: the case shows nothing");
    assert.deepEqual(examplesOf(draws), examplesOf(single), "examples are of the first draw");
  });

  it("gives an image the same results in any batch, and in launches of any size", async () => {
    for (const config of [{ kind: "inductive-noise", type: "I", k: KS, draws: 2 }, { kind: "inductive-occlusion", maxCount: 3, maxRadius: 2 }] as const) {
      const wanted = await attack(config, images, 8);
      for (const [batch, maxRows] of [[1, 512], [3, 512], [8, 8], [4, 9], [3, 11], [2, 1]] as const) {
        const own = new Session(session.gpu, { maxRows });
        try {
          const found = await attack(config, images, batch, 1n, own);
          assert.deepEqual(found.results, wanted.results, `batch ${batch}, at most ${maxRows} rows`);
          assert.deepEqual(examplesOf(found), examplesOf(wanted));
        } finally { own.dispose(); }
      }
    }
  });

  /** Algorithm 1 as it stands: one image at a time, stopping at the first success. */
  const algorithm1 = async (i: number, centres: Uint32Array, colour: number, maxCount: number, maxRadius: number): Promise<{ n: number; r: number; prediction: number; x: Float32Array }> => {
    let [x, prediction] = [images.x.slice(i * M, (i + 1) * M), -1];
    for (let n = 1; n <= maxCount; n++) {
      for (let r = 1; r <= maxRadius; r++) {
        x = images.x.slice(i * M, (i + 1) * M).map((v, j) => {
          const [row, column] = [Math.floor((j % (H * W)) / W), j % W];
          const inside = Array.from(centres.subarray(i * H * W, i * H * W + n)).some((p) => row >= Math.floor(p / W) - r && row < Math.floor(p / W) + r && column >= (p % W) - r && column < (p % W) + r);
          return inside ? colour : v;
        });
        prediction = (await predictionsOf(session, network, x, 9)).prediction[0]!;
        if (prediction !== images.labels[i]) return { n, r, prediction, x };
      }
    }
    return { n: 0, r: 0, prediction, x };
  };

  it("occlusion is algorithm 1: the first (n, r) that fools, for every colour, and at random places", async () => {
    const [maxCount, maxRadius, colours] = [4, 2, [1, 0]];
    const found = await attack({ kind: "inductive-occlusion", maxCount, maxRadius, colours }, images, 4);
    assert.deepEqual(found.results.map(({ variant: { placement, colour } }) => [placement, colour]), ["inductive", "random"].flatMap((placement) => colours.map((colour) => [placement, colour])));
    let fooled = 0;
    for (const [v, { variant: { placement, colour }, detail, success, prediction }] of found.results.entries()) {
      for (let i = 0; i < 9; i++) {
        const wanted = await algorithm1(i, found.centres[placement as "inductive"], colour!, maxCount, maxRadius);
        assert.deepEqual(detail![i], { n: wanted.n, r: wanted.r }, `${placement}, colour ${colour}, image ${i}`);
        assert.deepEqual([success[i], prediction[i]], [Number(wanted.n > 0), wanted.prediction]);
        if (v === 0) assert.deepEqual(examplesOf(found).subarray(i * M, (i + 1) * M), wanted.x.map(Math.fround), `example ${i}`);
        fooled += success[i]!;
      }
    }
    assert.ok(fooled > 0 && fooled < 36, `${fooled} of 36 fooled: the case shows nothing`);
  });

  it("occlusion fools no fewer on a grid that contains another", async () => {
    const successOn = async (maxCount: number, maxRadius: number): Promise<Float64Array[]> => (await attack({ kind: "inductive-occlusion", maxCount, maxRadius }, images, 9)).results.map(({ success }) => success);
    const grids = [await successOn(1, 1), await successOn(3, 1), await successOn(3, 2), await successOn(6, 3)];
    for (let g = 1; g < grids.length; g++) grids[g]!.forEach((success, v) => success.forEach((s, i) => assert.ok(s >= grids[g - 1]![v]![i]!, `grid ${g}, variant ${v}, image ${i}`)));
  });

  it("ranks maps made elsewhere as they are given", async () => {
    const guide = await Guide.prepare(session, network, ATTRIBUTION, 9, 1n);
    const { maps } = await mapsOf(session, network, { method: "saliency" }, images, 9);
    guide.loadMaps(images, maps.map((v) => -v));
    const rank = (await session.gpu.read(guide.rank.inductive)).subarray(0, M);
    assert.equal(rank[maps.subarray(0, M).indexOf(Math.min(...maps.subarray(0, M)))], 0);
    assert.deepEqual((await session.gpu.readF32(guide.image)).subarray(0, images.x.length), images.x);
  });

  it("refuses more sub-pixels, centres or radius than the image has", async () => {
    await assert.rejects(attack({ kind: "inductive-noise", type: "I", k: [3, M + 1] }, images, 9), { code: "INVALID_INPUT", message: /k of at most 105 sub-pixels, got 106/ });
    await assert.rejects(attack({ kind: "inductive-occlusion", maxCount: 36 }, images, 9), { code: "INVALID_INPUT", message: /at most 35 centres/ });
    await assert.rejects(attack({ kind: "inductive-occlusion", maxRadius: 8 }, images, 9), { code: "INVALID_INPUT", message: /radius 7, got 5 and 8/ });
  });

  it("creates no GPU object once it has run, and stops between command buffers when cancelled", async () => {
    const controller = new AbortController();
    const own = new Session(session.gpu, { signal: controller.signal });
    const allocated = session.gpu.allocatedBytes;
    try {
      const model = randomNetwork(own, crooked, SHAPE, SEED);
      const guide = await Guide.prepare(own, model, ATTRIBUTION, 4, 1n);
      const recipes = [
        await InductiveNoise.prepare(own, model, attackSchema.parse({ kind: "inductive-noise", type: "I", k: KS, draws: 2 }) as InductiveNoiseConfig, guide, 1n),
        await InductiveOcclusion.prepare(own, model, attackSchema.parse({ kind: "inductive-occlusion" }) as InductiveOcclusionConfig, guide),
      ];
      const some = pick(images, [0, 1, 2]);
      const once = async (): Promise<void> => { await guide.load(some); for (const recipe of recipes) await recipe.attack(some, true); };
      await once();
      const counts = { ...own.gpu.counts };
      await once();
      assert.deepEqual(own.gpu.counts, counts);
      controller.abort(new Error("stop here"));
      await assert.rejects(guide.load(some), /stop here/);
      for (const recipe of recipes) await assert.rejects(recipe.attack(some, false), /stop here/);
    } finally { own.dispose(); }
    assert.equal(session.gpu.allocatedBytes, allocated);
  });
});
