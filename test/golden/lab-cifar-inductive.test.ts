import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { attackSchema, type InductiveOcclusionConfig } from "../../schema/jobs/attack.ts";
import { attributionSchema } from "../../schema/jobs/attribution.ts";
import type { Tensor } from "../../services/engine/gpu/tensor.ts";
import { inductiveNoise } from "../../services/engine/kernels/attack/inductive-noise.ts";
import { Guide } from "../../services/lab/attacks/guide.ts";
import { firstSuccess, InductiveOcclusion } from "../../services/lab/attacks/inductive-occlusion.ts";
import type { ImageBatch, VariantResult } from "../../services/lab/attacks/variant.ts";
import type { Network } from "../../services/lab/models/network.ts";
import { predictionPass } from "../../services/lab/models/predictor.ts";
import { Session } from "../../services/lab/session.ts";
import { CIFAR_MODELS, cifarImages, type CifarModel, cifarNetwork, M } from "../support/cifar.ts";
import { closeTestGpu, testGpu, uploadF32, uploadU32 } from "../support/gpu.ts";
import { cifarCheckpoint, golden, sharedMissing } from "../support/shared.ts";

const IMAGES = 40;
const PLACES = 32 * 32;
const KS = [10, 20, 102, 204, 408];
const COLOURS = [0, 0.5, 1];
/** A prediction whose margin is below this share of the image's logit range may differ (goldens README, note 5). */
const CLOSE_CALL = 1e-2;

/** [N, R, images]: resnet20 is slow on a software adapter. */
const GRIDS = { resnet20: [[5, 2, 20], [10, 3, 8]], resnet2b: [[5, 2, 40], [10, 3, 40]] } as const;

/** The attacks from the stored map, noise and random places, so that what is compared is the attacks alone. */
for (const name of CIFAR_MODELS) {
  describe(`${name}: inductive attacks against PyTorch`, { skip: sharedMissing() }, () => {
    let session: Session;
    let network: Network;
    let guide: Guide;
    let images: ImageBatch;
    before(async () => {
      session = new Session(await testGpu());
      network = cifarNetwork(session, name, cifarCheckpoint(name));
      images = cifarImages(golden("common/images_u8.npy"), golden("common/labels.npy"));
      guide = await Guide.prepare(session, network, attributionSchema.parse({ baseline: "black" }), IMAGES, 1n);
      guide.loadMaps(images, Float32Array.from(golden(`${name}/ig_gausslegendre50.npy`).data));
    });
    after(async () => { session.dispose(); await closeTestGpu(); });

    for (const [placement, rankOf] of [["inductive", () => guide.rank.inductive], ["random", () => storedRank(session)]] as const) {
      it(`${placement} noise of both types and every k: margins and predictions`, async (t) => {
        const pass = await predictionPass(session, network, IMAGES);
        const [rank, noise] = [rankOf(), uploadF32(session.scope, "noise", golden("common/noise_inductive_gaussian.npy").data)];
        const wanted = { prediction: golden(`${name}/noise_${placement}_prediction.npy`).data, margin: golden(`${name}/noise_${placement}_margin.npy`).data };
        const tally = new Tally(rangeOf(name));
        for (const type of [1, 2] as const) {
          for (const [ki, k] of KS.entries()) {
            const program = await session.prepare("noise", [...pass.prologue, inductiveNoise(guide.image, rank, noise, pass.image, { n: IMAGES, m: M, k, type }), ...pass.body]);
            program.run();
            const logits = await session.gpu.readF32(pass.logits);
            for (let i = 0; i < IMAGES; i++) {
              const at = ((type - 1) * KS.length + ki) * IMAGES + i;
              tally.add(i, logits.subarray(i * pass.logits.shape[1]!), wanted.prediction[at]!, wanted.margin[at]!, `type ${type}, k = ${k}, image ${i}`);
            }
          }
        }
        tally.assertSame(t);
      });
    }

    for (const [maxCount, maxRadius, count] of GRIDS[name]) {
      it(`occlusion (${maxCount}, ${maxRadius}), guided and random: the first (n, r) that fools each of ${count} images, in three colours`, async (t) => {
        const results = await occluded(session, network, name, { maxCount, maxRadius }, count);
        const range = rangeOf(name);
        for (const [places, placement] of [["guided", "inductive"], ["random", "random"]] as const) {
          const first = golden(`${name}/occlusion_${places}_first_${maxCount}_${maxRadius}.npy`).data; // [image, colour, 2]
          const margins = golden(`${name}/occlusion_${places}_margin.npy`).data; // [image, colour, 10, 3]
          let [compared, fooled] = [0, 0];
          for (const { variant, detail, success } of results.filter((result) => result.variant.placement === placement)) {
            const colour = COLOURS.indexOf(variant.colour!);
            for (let i = 0; i < count; i++) {
              const [n, r] = [first[(i * 3 + colour) * 2]!, first[(i * 3 + colour) * 2 + 1]!];
              if (n < 0) continue; // wrong on the clean image
              const last = n === 0 ? maxCount * maxRadius : (n - 1) * maxRadius + r;
              const way = Array.from({ length: last }, (_, v) => margins[((i * 3 + colour) * 10 + Math.floor(v / maxRadius)) * 3 + (v % maxRadius)]!);
              if (way.some((margin) => margin / range[i]! < CLOSE_CALL)) continue;
              compared++;
              fooled += Number(n > 0);
              assert.deepEqual(detail![i], { n, r }, `${places}, colour ${variant.colour}, image ${i}`);
              assert.equal(success[i], Number(n > 0));
            }
          }
          t.diagnostic(`${places}: ${compared} of ${3 * count} compared and equal, ${fooled} of them fooled; the rest is wrong when clean or too close a call on its way`);
          assert.ok(compared >= 1.2 * count && fooled > 0);
        }
      });
    }

    it("the stored first (n, r) follow from the stored predictions of the whole grid", () => {
      const labels = images.labels;
      for (const places of ["guided", "random"]) {
        const predictions = golden(`${name}/occlusion_${places}_prediction.npy`).data;
        const first = golden(`${name}/occlusion_${places}_first_10_3.npy`).data;
        COLOURS.forEach((_, colour) => {
          const grid = Uint32Array.from({ length: 30 * IMAGES }, (_, j) => predictions[((j % IMAGES) * 3 + colour) * 30 + Math.floor(j / IMAGES)]!);
          const { detail } = firstSuccess(grid, labels, IMAGES, { maxCount: 10, maxRadius: 3 });
          detail.forEach(({ n, r }, i) => { if (first[(i * 3 + colour) * 2]! >= 0) assert.deepEqual([n, r], [...first.subarray((i * 3 + colour) * 2, (i * 3 + colour) * 2 + 2)]); });
        });
      }
    });
  });
}

/** Largest minus smallest clean logit of each image. */
function rangeOf(name: string): number[] {
  const { data } = golden(`${name}/logits.npy`);
  return Array.from({ length: IMAGES }, (_, i) => Math.max(...data.subarray(i * 10, i * 10 + 10)) - Math.min(...data.subarray(i * 10, i * 10 + 10)));
}

/** Ranks whose first k are the first k of the stored permutation. */
function storedRank({ scope }: Session): Tensor {
  const order = golden("common/random_subpixel_permutation.npy").data;
  const rank = new Uint32Array(order.length);
  order.forEach((place, j) => { rank[Math.floor(j / M) * M + place] = j % M; });
  return uploadU32(scope, "random rank", rank);
}

/** Guided by the stored maps, and by the stored random centres. */
async function occluded(session: Session, network: Network, name: CifarModel, grid: Pick<InductiveOcclusionConfig, "maxCount" | "maxRadius">, count: number): Promise<readonly VariantResult[]> {
  const config = attackSchema.parse({ kind: "inductive-occlusion", colours: COLOURS, ...grid });
  if (config.kind !== "inductive-occlusion") throw new Error("expected occlusion");
  const guide = await Guide.prepare(session, network, attributionSchema.parse({ baseline: "black" }), count, 1n);
  const images = cifarImages(golden("common/images_u8.npy"), golden("common/labels.npy"), count);
  guide.loadMaps(images, Float32Array.from(golden(`${name}/ig_gausslegendre50.npy`).data.subarray(0, count * M)));
  session.gpu.write(guide.centres.random, Uint32Array.from(golden("common/random_centre_permutation.npy").data.subarray(0, count * PLACES)));
  return (await (await InductiveOcclusion.prepare(session, network, config, guide)).attack(images, false)).results;
}

/** Predictions and margins (top-1 minus top-2 logit) of many cases against the stored ones. */
class Tally {
  #cases = 0;
  #compared = 0;
  #worst = 0;
  readonly #wrong: string[] = [];
  constructor(private readonly range: readonly number[]) {}

  add(image: number, logits: Float32Array, prediction: number, margin: number, where: string): void {
    const ranked = Array.from({ length: 10 }, (_, k) => k).sort((a, b) => logits[b]! - logits[a]!);
    const off = Math.abs(logits[ranked[0]!]! - logits[ranked[1]!]! - margin) / this.range[image]!;
    this.#cases++;
    this.#worst = Math.max(this.#worst, off);
    if (off > 1e-3) this.#wrong.push(`${where}: margin off by ${off} of the logit range`);
    if (margin / this.range[image]! < CLOSE_CALL) return;
    this.#compared++;
    if (ranked[0] !== prediction) this.#wrong.push(`${where}: got ${ranked[0]}, want ${prediction}`);
  }

  assertSame(t: { diagnostic(message: string): void }): void {
    t.diagnostic(`${this.#compared} of ${this.#cases} predictions compared; worst margin off by ${this.#worst.toExponential(1)} of the logit range`);
    assert.deepEqual(this.#wrong.slice(0, 5), [], `${this.#wrong.length} cases differ`);
    assert.ok(this.#compared >= 0.9 * this.#cases);
  }
}
