import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { shaderRoot } from "../../../services/engine/gpu/kernel.ts";
import { philox4x32, Rng, type Words2, type Words4 } from "../../../services/common/rng.ts";
import { closeTestGpu, testGpu, uploadU32 } from "../../support/gpu.ts";
import { KNOWN_ANSWERS } from "../../support/random123.ts";
import { withScope } from "../../support/rows.ts";

// The kernels reach only small block numbers, so the library function is also called bare, with any counter.
const MAIN = `
@group(0) @binding(0) var<storage, read> inputs: array<u32>;        // [n, 6]: counter, key
@group(0) @binding(1) var<storage, read_write> answers: array<vec4u>;
@compute @workgroup_size(1)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x * 6u;
  answers[id.x] = philox4x32(vec4u(inputs[i], inputs[i + 1u], inputs[i + 2u], inputs[i + 3u]), vec2u(inputs[i + 4u], inputs[i + 5u]));
}
`;

describe("lib/philox", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const answers = (cases: readonly (readonly [Words4, Words2])[]): Promise<number[][]> => withScope(gpu, async (scope) => {
    const code = MAIN + readFileSync(join(shaderRoot, "lib/philox.wgsl"), "utf8");
    const pipeline = await gpu.device.createComputePipelineAsync({ layout: "auto", compute: { module: gpu.device.createShaderModule({ code }), entryPoint: "main" } });
    const inputs = uploadU32(scope, "inputs", cases.flatMap(([counter, key]) => [...counter, ...key]));
    const output = scope.tensor("answers", [cases.length, 4], "u32");
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, gpu.device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [inputs, output].map((tensor, binding) => ({ binding, resource: { buffer: tensor.buffer } })),
    }));
    pass.dispatchWorkgroups(cases.length);
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
    const words = [...(await gpu.read(output))];
    return cases.map((_, i) => words.slice(4 * i, 4 * i + 4));
  });

  it("gives Random123's known answers", async () => {
    assert.deepEqual(await answers(KNOWN_ANSWERS.map(([counter, key]) => [counter, key])), KNOWN_ANSWERS.map(([, , answer]) => [...answer]));
  });

  it("equals the host for random counters and keys", async () => {
    const rng = new Rng(9, 0);
    const words = (n: number): number[] => Array.from({ length: n }, () => rng.nextU32());
    const cases = Array.from({ length: 100 }, () => [words(4), words(2)] as unknown as [Words4, Words2]);
    assert.deepEqual(await answers(cases), cases.map(([counter, key]) => philox4x32(counter, key)));
  });
});
