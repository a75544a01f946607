import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, it } from "node:test";

import { Gpu } from "../../services/engine/gpu/device.ts";
import { compile, type KernelSpec, shaderRoot } from "../../services/engine/gpu/kernel.ts";

// Dawn's null backend validates WGSL and pipelines without any GPU, so this runs everywhere.
let gpu: Gpu;
before(async () => { gpu = await Gpu.open({ backend: "null" }); });
after(() => gpu.close());

const kernels = join(shaderRoot, "../services/engine/kernels");
for (const file of readdirSync(kernels, { recursive: true, encoding: "utf8" }).filter((f) => f.endsWith(".ts"))) {
  it(`${file} compiles`, async () => {
    const module = (await import(join(kernels, file))) as Record<string, unknown>;
    const specs = Object.values(module).flat().filter((v): v is KernelSpec => typeof (v as KernelSpec)?.name === "string" && "constants" in (v as object));
    for (const spec of specs) await compile(gpu.device, spec);
  });
}
