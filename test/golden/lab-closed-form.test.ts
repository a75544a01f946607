import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import type { AttributionConfig } from "../../schema/jobs/attribution.ts";
import type { ImageBatch } from "../../services/lab/attacks/variant.ts";
import type { Network } from "../../services/lab/models/network.ts";
import { Session } from "../../services/lab/session.ts";
import { assertClose } from "../support/close.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { asIs, linear, mapsOf, networkWith, type PgdInput, pgdOf } from "../support/lab.ts";
import { readNpy } from "../support/npy.ts";

const EXACT = { atol: 1e-6, rtol: 0 };
const BATCH = 5; // more than the two images: rows left over must not matter

const stored = (name: string): Float32Array => Float32Array.from(readNpy(fileURLToPath(new URL(`../fixtures/goldens/closed_form/${name}.npy`, import.meta.url))).data);
const imagesOf = (classes: 2 | 3): ImageBatch => ({ x: stored(`x${classes}`), labels: Uint32Array.from(stored(`y${classes}`)), ids: Uint32Array.of(0, 1) });

/** Linear networks, for which everything has a formula (fixtures/goldens/README.md), through the whole of the lab. */
describe("closed forms of linear networks", () => {
  let session: Session;
  const networks = new Map<2 | 3, Network>();
  before(async () => {
    session = new Session(await testGpu());
    for (const classes of [2, 3] as const) networks.set(classes, networkWith(session, linear, asIs([3, 4, 4], classes), { "fc.weight": stored(`w${classes}`), "fc.bias": stored(`b${classes}`) }));
  });
  after(async () => { session.dispose(); await closeTestGpu(); });

  const paths: [string, Partial<AttributionConfig>, string][] = [
    ["saliency", { method: "saliency" }, "saliency3"],
    ["input × gradient", { method: "input-x-gradient" }, "input_x_gradient3"],
    ["integrated gradients from mid-grey", { baseline: "grey" }, "ig3_half_baseline"],
    ["integrated gradients from a given colour", { baseline: "given", baselineValues: [0.5, 0.5, 0.5] }, "ig3_half_baseline"],
    ["integrated gradients from the mean, here black", { baseline: "mean" }, "ig3"],
    ...([["gauss-legendre", 1], ["gauss-legendre", 2], ["gauss-legendre", 7], ["gauss-legendre", 50], ["trapezoid", 2], ["trapezoid", 9], ["trapezoid", 50]] as const)
      .map(([rule, steps]): [string, Partial<AttributionConfig>, string] => [`integrated gradients from black, ${rule} ${steps}`, { baseline: "black", rule, steps }, "ig3"]),
  ];
  for (const [title, config, file] of paths) {
    it(title, async () => {
      const { maps, gap } = await mapsOf(session, networks.get(3)!, config, imagesOf(3), BATCH);
      assertClose(maps, stored(file), EXACT);
      assert.equal(gap.length, config.method ? 0 : 2);
      assertClose(gap, gap.map(() => 0), { atol: 5e-6, rtol: 0 }); // sums of 48 terms up to 1, and of two logits
    });
  }

  const attacks: [string, PgdInput, string][] = [
    ...([[1, 1 / 64], [3, 1 / 128], [10, 1 / 128]] as const).map(([steps, stepSize]): [string, PgdInput, string] => [`PGD l∞, ${steps} steps`, { epsilon: 1 / 16, stepSize, steps }, `pgd2_linf_T${steps}`]),
    ...[2, 10].map((steps): [string, PgdInput, string] => [`PGD l2, ${steps} steps`, { norm: "l2", epsilon: 1 / 4, stepSize: 1 / 16, steps }, `pgd2_l2_T${steps}`]),
  ];
  for (const [title, config, file] of attacks) {
    it(title, async () => {
      const { x, result } = await pgdOf(session, networks.get(2)!, { randomStart: false, ...config }, imagesOf(2), BATCH);
      assertClose(x, stored(file), EXACT);
      if (config.steps === 10) assertClose(result.detail!.map(({ loss }) => loss!), stored(`${file}_loss`), EXACT);
      assert.deepEqual([...result.success], [...result.prediction].map((predicted, i) => Number(predicted !== imagesOf(2).labels[i])));
    });

    it(`${title}: towards the label itself is the mirror image`, async () => {
      const { labels, x: clean } = imagesOf(2);
      for (const target of [0, 1]) {
        const { x, result } = await pgdOf(session, networks.get(2)!, { randomStart: false, ...config, target }, imagesOf(2), BATCH);
        const forward = stored(file);
        // Descending the loss of one of two classes ascends the other's: the same step for images of the other class, its opposite for its own.
        const expected = x.map((_, j) => (labels[Math.floor(j / 48)] === target ? 2 * clean[j]! - forward[j]! : forward[j]!));
        const inside = expected.every((v) => v > 0 && v < 1) && forward.every((v) => v > 0 && v < 1);
        assert.ok(inside, "the mirror image holds only where the box is not reached");
        assertClose(x, expected, EXACT);
        assert.deepEqual([...result.success], [...result.prediction].map((predicted) => Number(predicted === target)));
      }
    });
  }

  it("PGD succeeds beyond the distance to the boundary and fails before it", async () => {
    for (const [i, r] of stored("radius2_linf").entries()) {
      for (const factor of [0.98, 1.02]) {
        const { result } = await pgdOf(session, networks.get(2)!, { randomStart: false, epsilon: Math.abs(r) * factor, steps: 10 }, imagesOf(2), BATCH);
        const crossed = r < 0 || factor > 1; // a negative distance: wrong when clean
        assert.equal(result.success[i], Number(crossed), `image ${i}, ${factor} of its distance ${r}`);
      }
    }
  });
});
