import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { Dynamic } from "../../../services/engine/gpu/kernel.ts";
import { adamw, type AdamwOptions } from "../../../services/engine/kernels/optim/adamw.ts";
import { adamwReference, type AdamwReferenceOptions } from "../../../services/engine/reference/optim/adamw.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";

type State = Record<"w" | "m" | "v", ArrayLike<number>>;

/** PyTorch's defaults with a larger rate, at step t. */
const atStep = (t: number): AdamwReferenceOptions => ({
  learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, correction1: 1 - 0.9 ** t, correction2: 1 - 0.999 ** t,
});

describe("optim/adamw", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = ({ w, m, v }: State, g: ArrayLike<number>, options: Omit<AdamwOptions, "n">, values?: ReadonlyMap<Dynamic, number>): Promise<Record<"w" | "m" | "v", Float32Array>> =>
    launch(gpu, { w, m, v }, (scope, t) => adamw(t.w, uploadF32(scope, "g", g), t.m, t.v, { n: w.length, ...options }), values);
  const stateOf = (n: number): Record<"w" | "m" | "v", Float64Array> => ({ w: uniform(1, n), m: uniform(2, n), v: uniform(3, n).map(Math.abs) });
  const check = async (n: number, options: AdamwReferenceOptions): Promise<void> => {
    const [{ w, m, v }, g] = [stateOf(n), uniform(4, n)];
    const result = await run({ w, m, v }, g, options);
    const expected = adamwReference(w, g, m, v, options);
    for (const name of ["w", "m", "v"] as const) assertClose(result[name], expected[name], TOLERANCE.elementwise);
  };

  // One; a prime; one under, at and over a workgroup's 2048 elements; large. t = 100: √(v/correction2) is then of order 1.
  for (const n of [1, 31, 2047, 2048, 2049, 20_011]) it(`matches the reference at [${n}]`, () => check(n, atStep(100)));

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check(2048 * 5 + 5, atStep(100))));

  it("follows two steps of PyTorch worked by hand", async () => {
    // w = 1, g = 0.5, -0.25; torch.optim.AdamW with lr 0.1 and its defaults:
    //   1  m = 0.05, v = 0.00025; w = 0.999 · 1 − 0.1 · 0.5/(√0.25 + 1e-8)                                   = 0.899000002
    //   2  m = 0.02, v = 0.00031225; w = 0.999 · 0.899000002 − 0.1 · (0.02/0.19)/(√(0.00031225/0.001999) + 1e-8) = 0.8714672987
    let state: State = { w: [1], m: [0], v: [0] };
    let reference: Record<"w" | "m" | "v", Float64Array> = { w: Float64Array.of(1), m: Float64Array.of(0), v: Float64Array.of(0) };
    for (const [step, [g, w, m, v]] of ([[0.5, 0.899000002, 0.05, 0.00025], [-0.25, 0.8714672987, 0.02, 0.00031225]] as const).entries()) {
      state = await run(state, [g], atStep(step + 1));
      reference = adamwReference(reference.w, Float64Array.of(g), reference.m, reference.v, atStep(step + 1));
      assertClose(reference.w, [w], { atol: 1e-10, rtol: 0 });
      assertClose(state.w, [w], TOLERANCE.elementwise);
      assertClose(state.m, [m], { atol: 0, rtol: 1e-5 });
      assertClose(state.v, [v], { atol: 0, rtol: 1e-5 }); // 1 − 0.999 formed in f32 would be 5e-5 off
    }
  });

  it("steps by the learning rate at first, whatever the gradient's size, and leaves padding at 0", async () => {
    const options = { ...atStep(1), weightDecay: 0 };
    const { w, m, v } = await run({ w: [0, 0, 0, 0], m: [0, 0, 0, 0], v: [0, 0, 0, 0] }, [1e-3, -1, 1e3, 0], options);
    assertClose(w, [-0.1, 0.1, -0.1, 0], { atol: 0, rtol: 3e-5 }); // epsilon is 1e-5 of the smallest gradient
    assert.deepEqual([w[3], m[3], v[3]], [0, 0, 0]);
  });

  it("adds epsilon outside the root", async () => {
    const { w } = await run({ w: [0], m: [0], v: [0] }, [3], { ...atStep(1), weightDecay: 0, epsilon: 1 });
    assertClose(w, [-0.1 * 3 / (3 + 1)], TOLERANCE.elementwise);
  });

  it("decays weights by rate · decay when there is no gradient", async () => {
    assertClose((await run({ w: [1, -2], m: [0, 0], v: [0, 0] }, [0, 0], atStep(1))).w, [0.999, -1.998], TOLERANCE.elementwise);
  });

  it("takes its learning rate and corrections late", async () => {
    const [rate, first, second] = [new Dynamic("rate"), new Dynamic("correction1"), new Dynamic("correction2")];
    const [state, g, options] = [stateOf(50), uniform(4, 50), atStep(3)];
    const late = await run(state, g, { ...options, learningRate: rate, correction1: first, correction2: second }, new Map([[rate, 0.1], [first, options.correction1], [second, options.correction2]]));
    assert.deepEqual(late, await run(state, g, options));
  });

  it("repeats to the bit", async () => {
    assert.deepEqual(await run(stateOf(999), uniform(4, 999), atStep(2)), await run(stateOf(999), uniform(4, 999), atStep(2)));
  });

  it("refuses an empty shape, short buffers and parameters out of range by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [8])];
    const options = { n: 5, ...atStep(1) };
    assert.throws(() => adamw(long, long, long, long, { ...options, n: 0 }), { code: "SHAPE_MISMATCH", message: /optim\/adamw: expected n/ });
    for (const [place, name] of ["w", "g", "m", "v"].entries()) {
      const t = (i: number): typeof long => (i === place ? short : long);
      assert.throws(() => adamw(t(0), t(1), t(2), t(3), options), { code: "SHAPE_MISMATCH", message: new RegExp(`expected ${name} to hold 5`) });
    }
    for (const [name, value] of [["learningRate", -1], ["beta1", 1], ["beta2", 1], ["epsilon", 0], ["weightDecay", -1], ["correction1", 0], ["correction2", 2]] as const) {
      assert.throws(() => adamw(long, long, long, long, { ...options, [name]: value }), { code: "VALUE_RANGE", message: new RegExp(`optim/adamw: expected ${name}`) });
    }
    scope.dispose();
  });
});
