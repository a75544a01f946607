import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import type { Network } from "../../services/lab/models/network.ts";
import { readSafetensors } from "../../services/lab/models/weights/safetensors.ts";
import { Session } from "../../services/lab/session.ts";
import { assertMapsClose, cifarImages, cifarNetwork, fromBytes, pixelsOff } from "../support/cifar.ts";
import { assertClose } from "../support/close.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import { mapsOf, pgdOf } from "../support/lab.ts";
import { type Npy, readNpy } from "../support/npy.ts";

const BATCH = 8;
const pathOf = (name: string): string => fileURLToPath(new URL(`../fixtures/goldens/resnet2b_first2/${name}`, import.meta.url));
const stored = (name: string): Npy => readNpy(pathOf(`${name}.npy`));

/** Two images of a real network, from committed files: what lab-cifar-*.test.ts do at full size where the larger files are. */
describe("resnet2b, images 0 and 1, against PyTorch, Captum and torchattacks", () => {
  let session: Session;
  let network: Network;
  const images = cifarImages(stored("images_u8"), stored("labels"));
  before(async () => {
    session = new Session(await testGpu());
    network = cifarNetwork(session, "resnet2b", readSafetensors(readFileSync(pathOf("resnet2b.safetensors"))));
  });
  after(async () => { session.dispose(); await closeTestGpu(); });

  it("saliency", async (t) => assertMapsClose(t, "saliency", (await mapsOf(session, network, { method: "saliency" }, images, BATCH)).maps, stored("saliency_logit").data, 1e-5));

  it("integrated gradients and their gap", async (t) => {
    const { maps, gap } = await mapsOf(session, network, { baseline: "black" }, images, BATCH);
    assertMapsClose(t, "integrated gradients", maps, stored("ig_gausslegendre50").data, 1e-3);
    assertClose(gap, stored("ig_gausslegendre50_delta").data.map(Math.abs), { rtol: 1e-3, atol: 2e-4 });
  });

  it("PGD l∞: pixels, loss, success", async () => {
    const { x, result } = await pgdOf(session, network, { epsilon: 8 / 255, stepSize: 2 / 255, steps: 10, randomStart: false }, images, BATCH);
    assert.deepEqual(pixelsOff(x, fromBytes(stored("pgd10_linf_8_255_x_adv_float64_u8")), 1e-6), [0, 0]);
    assertClose(result.detail!.map(({ loss }) => loss!), stored("pgd10_linf_8_255_loss").data, { rtol: 1e-4, atol: 0 });
    assert.deepEqual([...result.success], [...stored("pgd10_linf_8_255_success").data]);
  });

  it("PGD l2: pixels and loss", async () => {
    const { x, result } = await pgdOf(session, network, { norm: "l2", epsilon: 0.5, stepSize: 0.1, steps: 10, randomStart: false }, images, BATCH);
    assert.deepEqual(pixelsOff(x, stored("pgd10_l2_0.5_x_adv").data, 2e-6), [0, 0]);
    assertClose(result.detail!.map(({ loss }) => loss!), stored("pgd10_l2_0.5_loss").data, { rtol: 1e-4, atol: 0 });
  });

  it("classifies the clean images as PyTorch does: the loss of an attack that does not move", async () => {
    const { result } = await pgdOf(session, network, { epsilon: 1e-30, steps: 1, randomStart: false }, images, BATCH);
    const logits = stored("logits").data;
    images.labels.forEach((label, i) => {
      const row = [...logits.subarray(i * 10, i * 10 + 10)];
      assert.equal(result.prediction[i], row.indexOf(Math.max(...row)));
      assertClose([result.detail![i]!["loss"]!], [Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0)) - row[label]!], { rtol: 1e-4, atol: 1e-6 });
    });
  });
});
