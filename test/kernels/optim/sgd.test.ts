import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { Dynamic } from "../../../services/engine/gpu/kernel.ts";
import { sgd, type SgdOptions } from "../../../services/engine/kernels/optim/sgd.ts";
import { sgdReference, type SgdReferenceOptions } from "../../../services/engine/reference/optim/sgd.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";

type Options = Omit<SgdOptions, "n">;
const OPTIONS = { learningRate: 0.1, momentum: 0.9, weightDecay: 0.01, nesterov: false };

describe("optim/sgd", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = (w: ArrayLike<number>, g: ArrayLike<number>, velocity: ArrayLike<number>, options: Options, values?: ReadonlyMap<Dynamic, number>): Promise<{ w: Float32Array; velocity: Float32Array }> =>
    launch(gpu, { w, velocity }, (scope, t) => sgd(t.w, uploadF32(scope, "g", g), t.velocity, { n: w.length, ...options }), values);
  const check = async (n: number, options: SgdReferenceOptions): Promise<void> => {
    const [w, g, velocity] = [uniform(1, n), uniform(2, n), uniform(3, n)];
    const result = await run(w, g, velocity, options);
    const expected = sgdReference(w, g, velocity, options);
    assertClose(result.w, expected.w, TOLERANCE.elementwise);
    assertClose(result.velocity, expected.velocity, TOLERANCE.elementwise);
  };

  // One; a prime; one under, at and over a workgroup's 2048 elements; large.
  for (const n of [1, 31, 2047, 2048, 2049, 20_011]) for (const nesterov of [false, true]) it(`matches the reference at [${n}], nesterov ${nesterov}`, () => check(n, { ...OPTIONS, nesterov }));

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check(2048 * 5 + 5, OPTIONS)));

  // w = 1, g = 0.5, -0.25, 1; lr 0.1, momentum 0.9, decay 0.01, worked by hand from torch.optim.SGD's documentation:
  //   d = 0.51, -0.24051, 1.00927151   v = 0.51, 0.21849, 1.20591251   w = 0.949, 0.927151, 0.806559749
  // and with nesterov
  //   d = 0.51, -0.240969, 1.0090757411   v = 0.51, 0.218031, 1.2053036411   w = 0.9031, 0.90757411, 0.698189208191
  for (const [nesterov, weights] of [[false, [0.949, 0.927151, 0.806559749]], [true, [0.9031, 0.90757411, 0.698189208191]]] as const) {
    it(`follows three steps of PyTorch worked by hand, nesterov ${nesterov}`, async () => {
      let [w, velocity]: [ArrayLike<number>, ArrayLike<number>] = [[1], [0]];
      let reference: Record<"w" | "velocity", Float64Array> = { w: Float64Array.of(1), velocity: Float64Array.of(0) };
      for (const [step, g] of [0.5, -0.25, 1].entries()) {
        ({ w, velocity } = await run(w, [g], velocity, { ...OPTIONS, nesterov }));
        reference = sgdReference(reference.w, Float64Array.of(g), reference.velocity, { ...OPTIONS, nesterov });
        assertClose(w, [weights[step]!], TOLERANCE.elementwise);
        assertClose(reference.w, [weights[step]!], { atol: 1e-12, rtol: 0 });
      }
    });
  }

  it("is plain gradient descent without momentum and decay, and stands still at learning rate 0", async () => {
    const plain = { ...OPTIONS, momentum: 0, weightDecay: 0 };
    assert.deepEqual((await run([1, 2], [4, -4], [9, 9], { ...plain, learningRate: 0.25 })).w, Float32Array.of(0, 3));
    assert.deepEqual((await run([1, 2], [4, -4], [9, 9], { ...plain, learningRate: 0 })).w, Float32Array.of(1, 2));
  });

  it("takes its learning rate late", async () => {
    const rate = new Dynamic("learning rate");
    const [w, g, v] = [uniform(1, 50), uniform(2, 50), uniform(3, 50)];
    assert.deepEqual(await run(w, g, v, { ...OPTIONS, learningRate: rate }, new Map([[rate, 0.1]])), await run(w, g, v, OPTIONS));
  });

  it("repeats to the bit", async () => {
    assert.deepEqual(await run(uniform(1, 999), uniform(2, 999), uniform(3, 999), OPTIONS), await run(uniform(1, 999), uniform(2, 999), uniform(3, 999), OPTIONS));
  });

  it("refuses an empty shape, short buffers and parameters out of range by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [8])];
    const options = { n: 5, ...OPTIONS };
    assert.throws(() => sgd(long, long, long, { ...options, n: 0 }), { code: "SHAPE_MISMATCH", message: /optim\/sgd: expected n/ });
    assert.throws(() => sgd(short, long, long, options), { code: "SHAPE_MISMATCH", message: /expected w to hold 5/ });
    assert.throws(() => sgd(long, short, long, options), { code: "SHAPE_MISMATCH", message: /expected g to hold 5/ });
    assert.throws(() => sgd(long, long, short, options), { code: "SHAPE_MISMATCH", message: /expected velocity to hold 5/ });
    for (const [name, value] of [["learningRate", -1], ["momentum", 1.5], ["weightDecay", NaN]] as const) {
      assert.throws(() => sgd(long, long, long, { ...options, [name]: value }), { code: "VALUE_RANGE", message: new RegExp(`optim/sgd: expected ${name}`) });
    }
    assert.throws(() => sgd(long, long, long, { ...options, momentum: 0, nesterov: true }), { code: "VALUE_RANGE", message: /expected momentum > 0 with nesterov/ });
    scope.dispose();
  });
});
