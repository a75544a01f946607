import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { InequalityMeasure } from "../../schema/jobs/attribution.ts";
import { attributionSchema } from "../../schema/jobs/attribution.ts";
import type { ImageBatch } from "../../services/lab/attacks/variant.ts";
import { Attributor } from "../../services/lab/attributions/attributor.ts";
import { GiniMeter } from "../../services/lab/inequality/gini-meter.ts";
import { lorenzCurve } from "../../services/lab/inequality/lorenz.ts";
import type { Network } from "../../services/lab/models/network.ts";
import { Session } from "../../services/lab/session.ts";
import { assertMapsClose, CIFAR_MODELS, cifarImages, cifarNetwork, limitOf, M } from "../support/cifar.ts";
import { assertClose } from "../support/close.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { mapsOf } from "../support/lab.ts";
import { cifarCheckpoint, golden, goldenEntry, sharedMissing } from "../support/shared.ts";

/** Images whose path integrals are taken, in one batch: resnet20 is slow on a software adapter. */
const PATHS = { resnet20: { gauss: 16, trapezoid: 5 }, resnet2b: { gauss: 40, trapezoid: 40 } } as const;
const IMAGES = 40;
/** Column of the stored measures that each of ours is. */
const MEASURES: readonly [number, InequalityMeasure][] = [
  [0, { scope: "global", sign: "absolute" }], [1, { scope: "global", sign: "positive" }],
  ...(["abs-sum", "positive-sum", "signed-sum-positive", "per-channel", "legacy-nopool"] as const).map((mode, i): [number, InequalityMeasure] => [2 + i, { scope: "regional", block: 4, mode }]),
];

/** Captum's trapezoid has weights 1/50 (half at the ends): its maps are 0.98 of ours (goldens README, note 6). */
const CAPTUM_WEIGHTS = 0.98;

for (const name of CIFAR_MODELS) {
  describe(`${name}: attributions and their inequality against Captum`, { skip: sharedMissing() }, () => {
    let session: Session;
    let network: Network;
    const images = (count = IMAGES): ImageBatch => cifarImages(golden("common/images_u8.npy"), golden("common/labels.npy"), count);
    before(async () => {
      session = new Session(await testGpu());
      network = cifarNetwork(session, name, cifarCheckpoint(name));
    });
    after(async () => { session.dispose(); await closeTestGpu(); });

    it("saliency", async (t) => {
      const { maps } = await mapsOf(session, network, { method: "saliency" }, images(), IMAGES);
      assertMapsClose(t, "saliency", maps, golden(`${name}/saliency_logit.npy`).data, limitOf(`${name}/saliency_logit.npy`));
    });

    it("input × gradient", async (t) => {
      const file = golden(`${name}/input_x_gradient.npy`);
      const { maps } = await mapsOf(session, network, { method: "input-x-gradient" }, images(), IMAGES);
      assertMapsClose(t, "input × gradient", maps.subarray(0, file.data.length), file.data, limitOf(`${name}/input_x_gradient.npy`));
    });

    it("integrated gradients, Gauss–Legendre 50, with gap, Gini and Lorenz curve", async (t) => {
      const file = `${name}/ig_gausslegendre50`;
      const count = PATHS[name].gauss;
      const attributor = await Attributor.prepare(session, network, attributionSchema.parse({ baseline: "black" }), count);
      const meter = await GiniMeter.prepare(session, attributor.map, network.inputShape, count, MEASURES.map(([, measure]) => measure));
      const { x, labels } = images(count);
      const { gap } = await attributor.attribute(x, labels);
      const maps = await session.gpu.readF32(attributor.map);
      assertMapsClose(t, "integrated gradients", maps, golden(`${file}.npy`).data.subarray(0, count * M), limitOf(`${file}.npy`));
      // The gap is a difference of sums near 20: five times the distance that PyTorch's own float32 has to float64.
      assertClose(gap!, golden(`${file}_delta.npy`).data.subarray(0, count).map(Math.abs), { rtol: 1e-3, atol: 5 * goldenEntry(`${file}_delta.npy`).float64_max_abs_diff! + 1e-4 });

      const stored = golden(`${name}/inequality_ig_gausslegendre50.npy`);
      const measured = await meter.measure(count);
      MEASURES.forEach(([column], i) => {
        const wanted = Array.from({ length: count }, (_, image) => stored.data[image * stored.shape[1]! + column]!);
        t.diagnostic(`Gini column ${column}: worst difference ${Math.max(...wanted.map((v, image) => Math.abs(v - measured[i]!.gini[image]!))).toExponential(1)}`);
        assertClose(measured[i]!.gini, wanted, { atol: 1e-3, rtol: 0 });
      });
      const lorenz = golden(`${name}/lorenz_ig_gausslegendre50.npy`);
      const curves = Array.from({ length: count }, (_, image) => lorenzCurve(measured[0]!.sorted(image)).filter((_, i) => i % 10 === 0));
      assertClose(curves.flatMap((curve) => [...curve]), lorenz.data.subarray(0, count * 11), { atol: 1e-3, rtol: 0 });
    });

    it("integrated gradients, trapezoid 50, with gap", async (t) => {
      const count = PATHS[name].trapezoid;
      const file = golden(`${name}/ig_trapezoid50.npy`).data.subarray(0, count * M);
      const delta = golden(`${name}/ig_trapezoid50_delta.npy`).data;
      const { maps, gap } = await mapsOf(session, network, { baseline: "black", rule: "trapezoid" }, images(count), count);
      assertMapsClose(t, "trapezoid", maps, file.map((v) => v / CAPTUM_WEIGHTS), limitOf(`${name}/ig_gausslegendre50.npy`));
      const sum = (map: Iterable<number>, i: number): number => Array.from(map).slice(i * M, (i + 1) * M).reduce((a, b) => a + b, 0);
      const rise = Array.from({ length: count }, (_, i) => sum(file, i) - delta[i]!); // f(x) − f(black), as Captum's delta has it
      assertClose(gap, rise.map((r, i) => Math.abs(sum(maps, i) - r)), { rtol: 0, atol: 2e-4 });
      assert.equal(gap.length, count);
    });
  });
}
