import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { Gpu } from "../../../services/engine/gpu/device.ts";
import { compile, foldGrid, type KernelSpec, pipelineKey } from "../../../services/engine/gpu/kernel.ts";

const spec = (name: string, more: Partial<KernelSpec> = {}): KernelSpec => ({ name: `../test/fixtures/shaders/${name}`, lib: [], params: {}, reads: [], writes: ["y"], constants: {}, ...more });

describe("compile", () => {
  let gpu: Gpu;
  before(async () => { gpu = await Gpu.open({ backend: "null" }); });
  after(() => gpu.close());

  it("names file, line and column of a mistake, through the preprocessor", async () => {
    // The loop above the mistake turns three lines into three others; the message still has the file's own line 9.
    await assert.rejects(compile(gpu.device, spec("broken", { template: { unused: 1 } })), { code: "SHADER_INVALID", message: /broken\.wgsl:9:10 .*nonsense/ });
  });

  it("names the helper file when the mistake is there", async () => {
    await assert.rejects(compile(gpu.device, spec("counter", { lib: ["../test/fixtures/shaders/broken-lib"] })), { code: "SHADER_INVALID", message: /broken-lib\.wgsl:3:\d+ / });
  });

  it("leaves the device usable after a shader that does not compile", async () => {
    await assert.rejects(compile(gpu.device, spec("broken", { template: {} })), { code: "SHADER_INVALID" });
    await compile(gpu.device, spec("counter", { params: { n: "u32", a: "f32", b: "f32" } }));
    assert.equal(gpu.fault, undefined);
  });

  it("tells specs apart by name, constants and template", () => {
    const keys = [spec("a"), spec("b"), spec("a", { constants: { WG: 8 } }), spec("a", { template: { SG: 8 } })].map(pipelineKey);
    assert.equal(new Set(keys).size, 4);
    assert.equal(pipelineKey(spec("a")), pipelineKey(spec("a")));
  });
});

it("folds a grid into two sides that cover it", () => {
  for (const [n, limit] of [[1, 65535], [65535, 65535], [65536, 65535], [1_000_000, 65535], [7, 3]] as const) {
    const [x, y] = foldGrid(n, limit);
    assert.ok(x <= limit && y <= limit && x * y >= n && x * (y - 1) < n, `${n} → ${x}×${y}`);
  }
});
