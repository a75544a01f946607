import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { attackSchema } from "../../schema/jobs/attack.ts";
import { Pgd } from "../../services/lab/attacks/pgd.ts";
import type { ImageBatch } from "../../services/lab/attacks/variant.ts";
import { subPixels } from "../../services/lab/data/dataset.ts";
import type { ModelShape } from "../../services/lab/models/architecture.ts";
import { architectures } from "../../services/lab/models/architectures.ts";
import type { Network } from "../../services/lab/models/network.ts";
import { Session } from "../../services/lab/session.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { asIs, crooked, crossEntropy, cut, linear, networkWith, pgdOf, type PgdInput, pick, predictionsOf, randomImages, randomNetwork } from "../support/lab.ts";

const SEED = 17;
const SHAPE: ModelShape = { inputShape: [3, 7, 5], classCount: 4, mean: [0.3, 0.5, 0.6], std: [0.2, 0.25, 0.3] }; // 105 sub-pixels: no multiple of 4
const M = subPixels(SHAPE.inputShape);
const NORMS = ["linf", "l2"] as const;

describe(`PGD on small networks, seed ${SEED}`, () => {
  let session: Session;
  let network: Network;
  const images = randomImages(SHAPE, 11, SEED);
  before(async () => {
    session = new Session(await testGpu());
    network = randomNetwork(session, crooked, SHAPE, SEED);
  });
  after(async () => { session.dispose(); await closeTestGpu(); });

  const lengths = (x: Float32Array, norm: "linf" | "l2"): number[] => Array.from({ length: x.length / M }, (_, i) => {
    const delta = Array.from({ length: M }, (_, j) => x[i * M + j]! - images.x[i * M + j]!);
    return norm === "linf" ? Math.max(...delta.map(Math.abs)) : Math.hypot(...delta);
  });

  for (const norm of NORMS) {
    it(`${norm}: keeps every image in [0, 1] and within the radius, from the tiniest to the largest`, async () => {
      for (const epsilon of [1e-7, 1e-4, 8 / 255, 0.3, 1, ...(norm === "l2" ? [5, 300] : [])]) {
        for (const randomStart of [false, true]) {
          const { x, result } = await pgdOf(session, network, { norm, epsilon, steps: 5, randomStart }, images, 4);
          assert.ok(x.every((v) => v >= 0 && v <= 1), "left [0, 1]");
          lengths(x, norm).forEach((length, i) => {
            const rounding = norm === "linf" ? 2 ** -23 : 1e-5 * epsilon + 2 ** -25 * Math.sqrt(M);
            assert.ok(length <= epsilon + rounding, `ε = ${epsilon}, image ${i}: ${length}`);
            assert.ok(Math.abs(length - result.detail![i]![norm]!) <= 1e-6 + 1e-5 * length, "the length reported is not the image's");
          });
        }
      }
    });

    it(`${norm}: uses its radius where nothing stops it`, async () => {
      const grey = { ...images, x: images.x.map((v) => 0.4 + 0.2 * v) };
      const { result } = await pgdOf(session, network, { norm, epsilon: 0.1, steps: 10, randomStart: false }, grey, 11);
      for (const detail of result.detail!) assert.ok(detail[norm]! > 0.099, `${detail[norm]}`);
    });

    it(`${norm}: with a radius near 0 hardly moves`, async () => {
      const { x } = await pgdOf(session, network, { norm, epsilon: 1e-9, steps: 3 }, images, 11);
      for (const [j, v] of x.entries()) assert.ok(Math.abs(v - images.x[j]!) <= 2 ** -24, `${v} from ${images.x[j]}`);
    });

    for (const randomStart of [false, true]) {
      it(`${norm}${randomStart ? ", random start" : ""}: untargeted raises the label's loss and targeted lowers the target's, on a linear network`, async () => {
        const plain = randomNetwork(session, linear, SHAPE, SEED);
        const before = await predictionsOf(session, plain, images.x, 11);
        const raised = await pgdOf(session, plain, { norm, epsilon: 0.2, steps: 8, randomStart }, images, 11);
        const after = await predictionsOf(session, plain, raised.x, 11);
        images.labels.forEach((label, i) => {
          const [from, to] = [before, after].map(({ logits }) => crossEntropy(logits[i]!, label));
          assert.ok(to! > from! + 1e-3, `image ${i}: loss ${from} to ${to}`);
          assert.ok(Math.abs(raised.result.detail![i]!["loss"]! - to!) < 1e-4, "the loss reported is not the image's");
          assert.equal(raised.result.prediction[i], after.prediction[i]);
          assert.equal(raised.result.success[i], Number(after.prediction[i] !== label));
        });
        for (const target of [0, 3]) {
          const lowered = await pgdOf(session, plain, { norm, epsilon: 0.2, steps: 8, randomStart, target }, images, 11);
          const { logits, prediction } = await predictionsOf(session, plain, lowered.x, 11);
          logits.forEach((row, i) => {
            assert.ok(crossEntropy(row, target) < crossEntropy(before.logits[i]!, target) - 1e-3, `image ${i}, target ${target}`);
            const margin = row[target]! - Math.max(...row.filter((_, k) => k !== target));
            assert.ok(Math.abs(lowered.result.detail![i]!["margin"]! - margin) < 1e-4, "the margin reported is not the image's");
            assert.equal(lowered.result.success[i], Number(prediction[i] === target));
          });
        }
      });
    }

    it(`${norm}: the best of more restarts is never worse`, async () => {
      for (const target of [undefined, 2]) {
        const score = async (restarts: number): Promise<number[]> => {
          const { result } = await pgdOf(session, network, { norm, epsilon: 0.1, steps: 2, restarts, ...(target === undefined ? {} : { target }) }, images, 11);
          return result.detail!.map((detail) => detail[target === undefined ? "loss" : "margin"]!);
        };
        const [one, three, nine] = [await score(1), await score(3), await score(9)];
        images.labels.forEach((_, i) => assert.ok(one[i]! <= three[i]! && three[i]! <= nine[i]!, `image ${i}: ${one[i]}, ${three[i]}, ${nine[i]}`));
        assert.ok(nine.some((v, i) => v > one[i]!), "nine restarts found nothing better anywhere");
      }
    });
  }

  it("gives an image the same bits in any batch, at any place in it", async () => {
    const shape: ModelShape = { inputShape: [1, 28, 28], classCount: 10, mean: [0.13], std: [0.31] };
    for (const [architecture, sides, some] of [[crooked, SHAPE, images], [architectures["tiny-cnn"], shape, randomImages(shape, 9, SEED)]] as const) {
      const model = randomNetwork(session, architecture, sides, SEED);
      for (const config of [{ epsilon: 0.1, restarts: 2 }, { norm: "l2", epsilon: 1 }, { epsilon: 0.1, target: 1, randomStart: false }] as const) {
        const run = (from: ImageBatch, batch: number): ReturnType<typeof pgdOf> => pgdOf(session, model, { ...config, steps: 4 }, from, batch);
        const wanted = await run(some, 8);
        for (const batch of [1, 3]) assert.deepEqual(await run(some, batch), wanted, `${architecture.title}, ${JSON.stringify(config)}, batch ${batch}`);
        const [alone] = cut(pick(some, [7]), 1);
        const m = subPixels(sides.inputShape);
        assert.deepEqual((await run(alone!, 8)).x, wanted.x.subarray(7 * m, 8 * m), "image 7 alone");
      }
    }
  });

  it("gives an image the same bits in launches of any size, whichever restarts stand side by side", async () => {
    for (const config of [{ epsilon: 0.1, restarts: 7 }, { norm: "l2", epsilon: 1, restarts: 4, target: 2 }] as const) {
      const wanted = await pgdOf(session, network, { ...config, steps: 3 }, images, 4); // all restarts in one launch
      for (const maxRows of [1, 3, 8, 13]) {
        const own = new Session(session.gpu, { maxRows });
        try {
          assert.deepEqual(await pgdOf(own, network, { ...config, steps: 3 }, images, 4), wanted, `${JSON.stringify(config)}, at most ${maxRows} rows`);
        } finally { own.dispose(); }
      }
    }
  });

  it("starts at random by seed, image and restart", async () => {
    const start: PgdInput = { epsilon: 0.2, steps: 1, stepSize: 1e-30 };
    const { x } = await pgdOf(session, network, start, images, 8, 1n);
    assert.deepEqual((await pgdOf(session, network, start, images, 8, 1n)).x, x);
    assert.notDeepEqual((await pgdOf(session, network, start, images, 8, 2n)).x, x);
    assert.notDeepEqual((await pgdOf(session, network, start, { ...images, ids: images.ids.map((id) => id + 50) }, 8, 1n)).x, x);
    assert.deepEqual((await pgdOf(session, network, { ...start, randomStart: false }, images, 8, 1n)).x, images.x);
    assert.ok(x.some((v, j) => Math.abs(v - images.x[j]!) > 0.19), "starts fill the box");
  });

  it("refuses a class the network has not, and a network whose loss is not finite", async () => {
    await assert.rejects(pgdOf(session, network, { epsilon: 0.1, target: 4 }, images, 8), { code: "INVALID_INPUT", message: /target below 4 classes, got 4/ });
    const broken = networkWith(session, linear, asIs([3, 7, 5], 4), { "fc.weight": new Array<number>(4 * M).fill(3e38), "fc.bias": [0, 0, 0, 0] });
    for (const config of [{ epsilon: 0.1 }, { epsilon: 0.1, target: 1 }]) await assert.rejects(pgdOf(session, broken, config, images, 8), { code: "VALUE_RANGE", message: /image 100: expected finite losses/ });
  });

  it("creates no GPU object once it has run, and stops between restarts when cancelled", async () => {
    const controller = new AbortController();
    const own = new Session(session.gpu, { signal: controller.signal });
    const allocated = session.gpu.allocatedBytes;
    try {
      const config = attackSchema.parse({ kind: "pgd", epsilon: 0.1, steps: 3, restarts: 2 });
      if (config.kind !== "pgd") throw new Error("expected PGD");
      const pgd = await Pgd.prepare(own, randomNetwork(own, crooked, SHAPE, SEED), config, 4, 1n);
      const some = pick(images, [0, 1, 2]);
      await pgd.attack(some, true);
      const counts = { ...own.gpu.counts };
      await pgd.attack(some, true);
      assert.deepEqual(own.gpu.counts, counts);
      controller.abort(new Error("stop here"));
      await assert.rejects(pgd.attack(some, true), /stop here/);
    } finally { own.dispose(); }
    assert.equal(session.gpu.allocatedBytes, allocated);
  });
});
