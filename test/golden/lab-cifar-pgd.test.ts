import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { l2Project } from "../../services/engine/kernels/attack/l2-project.ts";
import { l2Step } from "../../services/engine/kernels/attack/l2-step.ts";
import { linfStep } from "../../services/engine/kernels/attack/linf-step.ts";
import { rowNorm } from "../../services/engine/kernels/reduce/row-norm.ts";
import { lossPass } from "../../services/lab/attributions/input-gradient.ts";
import type { Network } from "../../services/lab/models/network.ts";
import { Session } from "../../services/lab/session.ts";
import { CIFAR_MODELS, cifarImages, cifarNetwork, fromBytes, M, pixelsOff } from "../support/cifar.ts";
import { assertClose } from "../support/close.ts";
import { closeTestGpu, testGpu, uploadF32 } from "../support/gpu.ts";
import { crossEntropy, pgdOf, type PgdInput, predictionsOf } from "../support/lab.ts";
import { cifarCheckpoint, golden, sharedMissing } from "../support/shared.ts";

/** torchattacks without random start; goldens/README.md, notes 2 to 4, says what can agree. */
const LINF: PgdInput = { epsilon: 8 / 255, stepSize: 2 / 255, randomStart: false };
const L2: PgdInput = { norm: "l2", epsilon: 0.5, stepSize: 0.1, steps: 10, randomStart: false };
const FIRST = 20;

/** Images of 20 whose pixels equal float64's, at least: two fewer than PyTorch's float32 with a stable gradient (README, table). */
const SAME_AS_FLOAT64 = { resnet20: { 10: 15, 20: 11 }, resnet2b: { 10: 20, 20: 20 } } as const;
/** Radii and images of the robust accuracy: resnet20 has 1 of 200 images left at 2/255 and none beyond, and is slow. */
const ROBUST = { resnet20: { radii: [0, 1], images: 50 }, resnet2b: { radii: [0, 1, 2, 3], images: 200 } } as const;

for (const name of CIFAR_MODELS) {
  describe(`${name}: PGD against torchattacks`, { skip: sharedMissing() }, () => {
    let session: Session;
    let network: Network;
    const first20 = () => cifarImages(golden("common/images_u8.npy"), golden("common/labels.npy"), FIRST);
    before(async () => {
      session = new Session(await testGpu());
      network = cifarNetwork(session, name, cifarCheckpoint(name));
    });
    after(async () => { session.dispose(); await closeTestGpu(); });

    for (const steps of [10, 20] as const) {
      it(`l∞, ${steps} steps`, async (t) => {
        const file = `${name}/pgd${steps}_linf_8_255`;
        const { x, result } = await pgdOf(session, network, { ...LINF, steps }, first20(), FIRST);
        assert.deepEqual([...result.success], [...golden(`${file}_success.npy`).data]);
        const off = pixelsOff(x, fromBytes(golden(`${file}_x_adv_float64_u8.npy`)), 1e-6);
        const same = off.filter((count) => count === 0).length;
        t.diagnostic(`${same} of 20 images equal float64's to 1e-6; sub-pixels off in the others: ${off.filter((count) => count > 0).join(", ") || "none"}`);
        assert.ok(same >= SAME_AS_FLOAT64[name][steps], `only ${same} images equal float64's`);
      });
    }

    it("l2, 10 steps", async (t) => {
      const { x, result } = await pgdOf(session, network, L2, first20(), FIRST);
      const file = `${name}/pgd10_l2_0.5`;
      assert.deepEqual([...result.success], [...golden(`${file}_success.npy`).data]);
      if (name === "resnet20") return; // sure images: torchattacks steps by the batch mean's gradient, README note 3
      const same = pixelsOff(x, golden(`${file}_x_adv.npy`).data, 1e-6).filter((count) => count === 0).length;
      t.diagnostic(`${same} of 20 images equal to 1e-6`);
      assert.ok(same >= 19, `only ${same} images are equal`);
      assertClose(result.detail!.map(({ loss }) => loss!), golden(`${file}_loss.npy`).data, { rtol: 1e-3, atol: 1e-5 });
    });

    it("the loss and the prediction of torchattacks' own images", async () => {
      for (const attack of ["fgsm_8_255", "pgd10_linf_8_255", "pgd20_linf_8_255", "pgd10_l2_0.5"]) {
        const adversarial = { ...first20(), x: Float32Array.from(golden(`${name}/${attack}_x_adv.npy`).data) };
        // One step of no length reports the loss where it stands.
        const { result } = await pgdOf(session, network, { epsilon: 1e-30, stepSize: 1e-30, steps: 1, randomStart: false }, adversarial, FIRST);
        assertClose(result.detail!.map(({ loss }) => loss!), golden(`${name}/${attack}_loss.npy`).data, { rtol: 1e-3, atol: 1e-5 });
        assert.deepEqual([...result.success], [...golden(`${name}/${attack}_success.npy`).data], attack);
      }
    });

    it("l∞: each iterate follows from the one before", async (t) => {
      const { x, expected, sure } = await traceSteps(session, network, "linf", golden(`${name}/pgd10_linf_8_255_trace.npy`).data);
      const shares = pixelsOff(x, expected, 1e-6).map((count) => count / M);
      assertSteps(t, "share of sub-pixels off", shares, sure);
    });

    it("l2: each iterate follows from the one before", async (t) => {
      const { x, expected, sure } = await traceSteps(session, network, "l2", golden(`${name}/pgd10_l2_0.5_trace.npy`).data);
      const missed = sure.map((_, i) => Math.hypot(...x.subarray(i * M, (i + 1) * M).map((v, j) => v - expected[i * M + j]!)) / L2.stepSize!);
      assertSteps(t, "distance to the next iterate as a share of the step", missed, sure);
    });

    it("l∞, 20 steps: robust accuracy", async (t) => {
      const { radii, images: count } = ROBUST[name];
      const images = cifarImages(golden("common/robust_images_u8.npy"), golden("common/robust_labels.npy"), count);
      for (const radius of radii) {
        const epsilon = [1, 2, 4, 8][radius]! / 255;
        const { result } = await pgdOf(session, network, { epsilon, stepSize: epsilon / 4, steps: 20, randomStart: false }, images, 50);
        const stored = [...golden(`${name}/pgd20_robust_correct.npy`).data.subarray(radius * 200, radius * 200 + count)];
        const right = result.success.filter((fooled) => fooled === 0).length;
        const wanted = stored.filter((correct) => correct === 1).length;
        t.diagnostic(`ε = ${[1, 2, 4, 8][radius]}/255: ${right} of ${count} still right, torchattacks ${wanted}; ${stored.filter((correct, i) => correct === result.success[i]).length} images judged otherwise`);
        assert.ok(Math.abs(right - wanted) <= Math.ceil(count / 100), `ε = ${epsilon}: ${right} still right, torchattacks ${wanted}`);
      }
    });
  });
}

/** README note 3: of the steps that start where the gradient of float32 PyTorch is reliable, each within 1 %. */
function assertSteps(t: { diagnostic(message: string): void }, what: string, shares: readonly number[], sure: readonly boolean[]): void {
  const compared = shares.filter((_, i) => !sure[i]);
  t.diagnostic(`${compared.length} of ${shares.length} steps start where the loss exceeds 1e-4; worst ${what}: ${Math.max(...compared).toExponential(1)}`);
  assert.ok(compared.length >= shares.length / 2, "too few steps left to compare");
  assert.ok(compared.every((share) => share <= 0.01), `${what}: ${compared.filter((share) => share > 0.01).join(", ")}`);
}

/** Steps every stored iterate [3 images, 0 … 10] once; `sure` tells which start from a prediction too sure for PyTorch's float32. */
async function traceSteps(session: Session, network: Network, norm: "linf" | "l2", trace: ArrayLike<number>): Promise<{ x: Float32Array; expected: number[]; sure: boolean[] }> {
  const { gpu, scope } = session;
  const at = (image: number, step: number): number[] => Array.from({ length: M }, (_, j) => trace[(image * 11 + step) * M + j]!);
  const steps = Array.from({ length: 30 }, (_, i) => [Math.floor(i / 10), i % 10] as const);
  const size = { n: steps.length, m: M };
  const pass = await lossPass(session, network, size.n);
  const { image: x, gradient } = pass;
  const [x0, length] = [uploadF32(scope, "x0", steps.flatMap(([image]) => at(image, 0))), scope.tensor("norm", [size.n])];
  const iterates = Float32Array.from(steps.flatMap(([image, step]) => at(image, step)));
  const labels = Uint32Array.from(steps, ([image]) => golden("common/labels.npy").data[image]!);
  gpu.write(x, iterates);
  gpu.write(pass.labels, labels);
  const moved = norm === "linf"
    ? [linfStep(x, x0, gradient, { ...size, stepSize: LINF.stepSize!, epsilon: LINF.epsilon, direction: 1 })]
    : [rowNorm(gradient, null, length, size), l2Step(x, gradient, length, { ...size, stepSize: L2.stepSize!, direction: 1 }), rowNorm(x, x0, length, size), l2Project(x, x0, length, { ...size, epsilon: L2.epsilon })];
  (await session.prepare("trace", [...pass.prologue, ...pass.body, ...moved])).run();
  const moves = await gpu.readF32(x);
  const { logits } = await predictionsOf(session, network, iterates, size.n);
  return { x: moves, expected: steps.flatMap(([image, step]) => at(image, step + 1)), sure: logits.map((row, i) => crossEntropy(row, labels[i]!) <= 1e-4) };
}
