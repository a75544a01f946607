import { create, globals } from "webgpu";

import { EngineError } from "../errors.ts";
import type { AdapterInfo, KernelFamily } from "./device.ts";

export interface FoundAdapter {
  readonly adapter: GPUAdapter;
  readonly info: AdapterInfo;
  readonly family: KernelFamily;
  /** Lets go of Dawn's instance. */
  release(): void;
}

/** @throws EngineError NO_ADAPTER. */
export async function findAdapter(backend: "auto" | "null"): Promise<FoundAdapter> {
  Object.assign(globalThis, globals);
  let instance: GPU | undefined = create([`backend=${backend === "null" ? "null" : "vulkan"}`]);
  const adapter = await instance.requestAdapter().catch(() => null);
  if (!adapter) throw new EngineError("NO_ADAPTER", `no ${backend} adapter found`, { backend });
  const { description, vendor, architecture } = adapter.info;
  const family = familyOf(adapter);
  const info: AdapterInfo = {
    description, vendor, architecture, kind: backend === "null" ? "null" : /llvmpipe/i.test(description) ? "lavapipe" : "gpu",
    software: /llvmpipe|swiftshader/i.test(description), family: family.kind === "subgroup" ? `subgroup${family.size}` : "workgroup",
  };
  return { adapter, info, family, release() { instance = undefined; void instance; } };
}

function familyOf(adapter: GPUAdapter): KernelFamily {
  const { subgroupMinSize: min, subgroupMaxSize: max } = adapter.info as GPUAdapterInfo & { subgroupMinSize?: number; subgroupMaxSize?: number };
  const fixed = adapter.features.has("subgroups") && min === max;
  return fixed && (min === 4 || min === 8) ? { kind: "subgroup", size: min } : { kind: "workgroup" };
}
