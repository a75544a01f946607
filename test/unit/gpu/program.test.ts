import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";

import { Gpu, Readback, Scope } from "../../../services/engine/gpu/device.ts";
import { type Dispatch, Dynamic, type KernelSpec } from "../../../services/engine/gpu/kernel.ts";
import { clear, copy, Program, repeat } from "../../../services/engine/gpu/program.ts";
import type { Tensor } from "../../../services/engine/gpu/tensor.ts";

const counterSpec: KernelSpec = { name: "../test/fixtures/shaders/counter", lib: [], params: { n: "u32", a: "f32", b: "f32" }, reads: [], writes: ["y"], constants: {} };
const affine = (y: Tensor, a: number | Dynamic, b: number | Dynamic): Dispatch => ({ kind: "dispatch", spec: counterSpec, params: { n: y.bytes / 4, a, b }, buffers: [y], workgroups: Math.ceil(y.bytes / 32) });

describe("Program", () => {
  let gpu: Gpu;
  let scope: Scope;
  before(async () => { gpu = await Gpu.open(); });
  after(() => gpu.close());
  beforeEach(() => { scope = gpu.scope("test"); });
  afterEach(() => scope.dispose());

  it("runs steps in order, each seeing what the ones before it wrote, copies and clears among them", async () => {
    const [y, z] = [scope.tensor("y", [5]), scope.tensor("z", [5])];
    const program = await Program.prepare(gpu, "order", [affine(y, 0, 3), affine(y, 2, 1), copy(y, z), clear(y), affine(y, 1, 4)]);
    program.run();
    assert.deepEqual([...await gpu.read(z)], [7, 7, 7, 7, 7]);
    assert.deepEqual([...await gpu.read(y)], [4, 4, 4, 4, 4]);
    program.dispose();
  });

  it("prepares a repeated step once and runs it every time", async () => {
    const y = scope.tensor("y", [3]);
    const step = affine(y, 1, 1);
    const before = gpu.counts["createBindGroup"]!;
    const program = await Program.prepare(gpu, "loop", repeat(100, () => [step]));
    assert.equal(gpu.counts["createBindGroup"]! - before, 1);
    program.run();
    assert.deepEqual([...await gpu.read(y)], [100, 100, 100]);
    program.dispose();
  });

  it("takes dynamic scalars at each run, several places of one included", async () => {
    const y = scope.tensor("y", [2]);
    const [a, b] = [new Dynamic("a"), new Dynamic("b")];
    const program = await Program.prepare(gpu, "dynamic", [affine(y, 0, b), affine(y, a, b)]);
    program.run(new Map([[a, 10], [b, 2]]));
    assert.deepEqual([...await gpu.read(y)], [22, 22]);
    program.run(new Map([[a, -1], [b, 0.5]]));
    assert.deepEqual([...await gpu.read(y)], [0, 0]);
    assert.throws(() => program.run(new Map([[a, 1]])), { code: "VALUE_RANGE", message: /expected a value for b, got none/ });
    program.dispose();
  });

  it("creates no GPU object in its steady state", async () => {
    const y = scope.tensor("y", [4]);
    const program = await Program.prepare(gpu, "steady", [affine(y, 1, 1)]);
    const readback = new Readback(gpu, [y]);
    const before = { ...gpu.counts };
    for (let i = 0; i < 50; i++) { program.run(); await readback.read(); }
    assert.deepEqual(gpu.counts, before);
    assert.equal((await readback.read())[0]![0], 50);
    readback.dispose();
    program.dispose();
  });

  it("refuses a dispatch that does not fit its spec, by name", async () => {
    const y = scope.tensor("y", [4]);
    await assert.rejects(Program.prepare(gpu, "p", [{ ...affine(y, 1, 1), params: { n: 4 } }]), { code: "SHAPE_MISMATCH", message: /counter: expected params n, a, b, a, b missing/ });
    await assert.rejects(Program.prepare(gpu, "p", [{ ...affine(y, 1, 1), buffers: [] }]), { code: "SHAPE_MISMATCH", message: /expected 1 buffers, got 0/ });
    await assert.rejects(Program.prepare(gpu, "p", [{ ...affine(y, 1, 1), workgroups: 1.5 }]), { code: "SHAPE_MISMATCH" });
    assert.throws(() => copy(scope.tensor("big", [8]), y), { code: "SHAPE_MISMATCH", message: /expected y to hold 32 bytes, got 16/ });
  });
});

describe("Gpu and Scope", () => {
  it("refuse what exceeds the adapter before asking for it, with the bytes, and go on working", async () => {
    const gpu = await Gpu.open();
    const scope = gpu.scope("huge");
    assert.throws(() => scope.tensor("everything", [gpu.limits.maxBufferSize]), { code: "OUT_OF_MEMORY", message: /huge\/everything: expected at most \d+ bytes in one buffer, got \d+; use a smaller batch/ });
    const small = scope.tensor("small", [4]);
    gpu.write(small, Float32Array.of(1, 2, 3, 4));
    assert.deepEqual([...await gpu.read(small)], [1, 2, 3, 4]);
    assert.throws(() => gpu.write(small, new Float32Array(9)), { code: "SHAPE_MISMATCH", message: /write small: expected at most 4 elements, got 9/ });
    gpu.close();
  });

  it("free what a scope made", async () => {
    const gpu = await Gpu.open();
    const scope = gpu.scope("owner");
    scope.tensor("a", [1000]);
    assert.equal(gpu.allocatedBytes, 4000);
    scope.dispose();
    assert.equal(gpu.allocatedBytes, 0);
    gpu.close();
  });

  it("say DEVICE_LOST once the device is gone, and a new device works", async () => {
    const gpu = await Gpu.open();
    const scope = gpu.scope("lost");
    const y = scope.tensor("y", [4]);
    const program = await Program.prepare(gpu, "lost", [affine(y, 1, 1)]);
    gpu.device.destroy();
    await gpu.device.lost;
    assert.throws(() => program.run(), { code: "DEVICE_LOST" });
    await assert.rejects(gpu.read(y), { code: "DEVICE_LOST" });
    gpu.close();
    const next = await Gpu.open();
    const z = next.scope("next").tensor("z", [1]);
    assert.deepEqual([...await next.read(z)], [0]);
    next.close();
  });

  it("report what Dawn finds wrong with a submission as GPU_FAULT at the next read", async () => {
    const gpu = await Gpu.open();
    const y = gpu.scope("fault").tensor("y", [4]);
    const encoder = gpu.device.createCommandEncoder();
    encoder.copyBufferToBuffer(y.buffer, 0, y.buffer, 0, 16); // a buffer onto itself: invalid
    gpu.device.queue.submit([encoder.finish()]);
    await assert.rejects(async () => { await gpu.read(y); await gpu.read(y); }, { code: "GPU_FAULT" });
    gpu.close();
  });

  it("slice only what lies inside and is aligned", async () => {
    const gpu = await Gpu.open();
    const whole = gpu.scope("slices").tensor("whole", [256]);
    assert.equal(Scope.slice(whole, "second half", 128, [128]).offset, 512);
    assert.throws(() => Scope.slice(whole, "beyond", 192, [128]), { code: "SHAPE_MISMATCH" });
    assert.throws(() => Scope.slice(whole, "askew", 1, [4]), { code: "SHAPE_MISMATCH" });
    gpu.close();
  });
});
