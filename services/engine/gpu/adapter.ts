/**
 * Finds what to run on without the user's help: a real GPU, else the system's lavapipe, else the SwiftShader that npm
 * brings. The only importer of webgpu, and the only writer of the environment, because Vulkan is told its drivers there.
 */
import { pathToFileURL } from "node:url";
import type * as Dawn from "webgpu";

import { type AdapterPreference, type Config, loadConfig } from "../../common/config.ts";
import { logger } from "../../common/log.ts";
import { EngineError } from "../errors.ts";
import { adviceFor } from "./advice.ts";
import type { AdapterInfo, KernelFamily } from "./device.ts";
import { type AdapterFacts, familyName, withOptIns } from "./opt-ins.ts";
import { type SwiftShader, cacheFolders, unpackSwiftShader } from "./swiftshader.ts";

export interface FoundAdapter {
  readonly adapter: GPUAdapter;
  readonly info: AdapterInfo;
  readonly family: KernelFamily;
  /** Lets go of Dawn's instance. */
  release(): void;
}

/** How one place is asked for an adapter; a string says why there is none. */
export type Probe<T> = () => Promise<T | string>;

export interface Probes<T> {
  /** Whatever the system's Vulkan drivers offer, a GPU first. */
  readonly system: Probe<T>;
  /** The system's lavapipe, though there may be a GPU. */
  readonly lavapipe: Probe<T>;
  readonly swiftshader: Probe<T>;
}

/**
 * The best adapter there is, or what the configuration asks for: one kind (LORENZ_ADAPTER), and more than f32 (gpu/opt-ins.ts).
 *
 * @param backend "null": no hardware and no driver, validates shaders only.
 * @throws EngineError NO_ADAPTER saying what was tried, why each failed and what to do, or what was asked for in vain.
 * @throws AppError CONFIG_INVALID.
 */
export async function findAdapter(backend: "auto" | "null"): Promise<FoundAdapter> {
  if (backend === "null") {
    const found = await ask(await import("webgpu"), "null");
    if (typeof found === "string") throw new EngineError("NO_ADAPTER", `adapter: expected Dawn's null backend, got ${found}`);
    return found;
  }
  const config = loadConfig();
  const { found, refused } = await search(config.adapter, { system: () => askSystem(), lavapipe: () => askSystem("llvmpipe"), swiftshader: askSwiftShader });
  const asked = withFamily(found, config);
  announce(asked.info, refused);
  return asked;
}

/** @throws EngineError NO_ADAPTER when it lacks what the configuration asks for. */
function withFamily(found: FoundAdapter, config: Pick<Config, "precision" | "subgroupMatrix">): FoundAdapter {
  try {
    const family = withOptIns(found.family, factsOf(found.adapter), config);
    return { ...found, family, info: { ...found.info, family: familyName(family) } };
  } catch (error) {
    found.release();
    throw error;
  }
}

function factsOf({ features, info }: GPUAdapter): AdapterFacts {
  const { description, subgroupMinSize, subgroupMaxSize, subgroupMatrixConfigs } = info as GPUAdapterInfo & Omit<AdapterFacts, "features">;
  return { description, features: features as ReadonlySet<string>, subgroupMinSize, subgroupMaxSize, subgroupMatrixConfigs: [...(subgroupMatrixConfigs ?? [])] };
}

/**
 * Asks one place after the other, and none after the first that will do.
 *
 * @returns the adapter and why the places asked before had none.
 * @throws EngineError NO_ADAPTER. What a probe throws is let through, but its NO_ADAPTER counts as a reason.
 */
export async function search<T extends { readonly info: AdapterInfo }>(preference: AdapterPreference | undefined, probes: Probes<T>): Promise<{ found: T; refused: readonly string[] }> {
  const refused: string[] = [];
  for (const place of placesFor(preference)) {
    const found = await probes[place]().catch(reasonOf);
    if (typeof found === "string") refused.push(`${place}: ${found}`);
    else if (preference !== undefined && found.info.kind !== preference) refused.push(`${place}: it offers ${found.info.kind} (${found.info.description})`);
    else return { found, refused };
  }
  const what = preference === undefined ? "a GPU, lavapipe or SwiftShader" : `${preference}, as LORENZ_ADAPTER asks`;
  throw new EngineError("NO_ADAPTER", `adapter: expected ${what}, got none (${refused.join("; ")}); ${preference === undefined ? "npm run doctor says what to install" : "unset LORENZ_ADAPTER to take what there is"}`, { refused });
}

/** A GPU and lavapipe are both the system's to offer, and Dawn sorts the GPU first. */
export function placesFor(preference: AdapterPreference | undefined): readonly (keyof Probes<unknown>)[] {
  switch (preference) {
    case undefined: return ["system", "swiftshader"];
    case "gpu": return ["system"];
    case "lavapipe": return ["lavapipe"];
    case "swiftshader": return ["swiftshader"];
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof EngineError && error.code === "NO_ADAPTER") return error.message;
  throw error;
}

async function askSystem(name?: string): Promise<FoundAdapter | string> {
  // Without a loader Dawn can only fail, noisily.
  if (process.platform === "linux" && !hasVulkanLoader()) return "there is no Vulkan loader (libvulkan.so.1)";
  return ask(await import("webgpu"), "hardware", name);
}

let unpacked: SwiftShader | undefined;

/**
 * The Vulkan loader reads its list of drivers anew for every instance (1.3.239 and the one that SwiftShader comes with),
 * so this works after the system's drivers were tried in the same process.
 */
async function askSwiftShader(): Promise<FoundAdapter | string> {
  unpacked ??= unpackSwiftShader(cacheFolders(loadConfig().cacheDir));
  const { icd, webgpu } = unpacked;
  const dawn = hasVulkanLoader() ? await import("webgpu") : (await import(pathToFileURL(webgpu).href)) as typeof Dawn;
  const before = { VK_DRIVER_FILES: process.env.VK_DRIVER_FILES, VK_ICD_FILENAMES: process.env.VK_ICD_FILENAMES };
  Object.assign(process.env, { VK_DRIVER_FILES: icd, VK_ICD_FILENAMES: icd }); // the second is what loaders before 1.3.207 read
  const found = await ask(dawn, "hardware", "SwiftShader");
  if (typeof found !== "string") return found;
  for (const [variable, value] of Object.entries(before)) {
    if (value === undefined) delete process.env[variable];
    else process.env[variable] = value;
  }
  return `${found} from ${icd} (is its file system mounted noexec?)`;
}

/** @param name part of the adapter's name, when not just any will do. */
async function ask(dawn: typeof Dawn, backend: "hardware" | "null", name?: string): Promise<FoundAdapter | string> {
  Object.assign(globalThis, dawn.globals);
  const flags = backend === "null" ? ["backend=null"] : process.platform === "linux" ? ["backend=vulkan"] : [];
  if (name !== undefined) flags.push(`adapter=${name}`);
  // Dawn shows experimental features only so; the null backend, which validates every shader, always needs them.
  if (backend === "null" || loadConfig().subgroupMatrix) flags.push("enable-dawn-features=allow_unsafe_apis");
  let instance: GPU | undefined = dawn.create(flags);
  let adapter: GPUAdapter | null;
  try {
    adapter = await instance.requestAdapter({ powerPreference: "high-performance" });
  } catch (cause) {
    return (cause as Error).message.replace(/\s+/g, " ");
  }
  if (!adapter) return "Dawn accepts none of its Vulkan drivers (lavapipe must be Mesa 24 or later)";
  const family = familyOf(adapter);
  return { adapter, info: describe(adapter, backend, family), family, release() { instance = undefined; void instance; } };
}

function describe(adapter: GPUAdapter, backend: "hardware" | "null", family: KernelFamily): AdapterInfo {
  const { description, vendor, architecture, device } = adapter.info;
  const names = `${description} ${device} ${architecture}`;
  const kind = backend === "null" ? "null" : /llvmpipe|lavapipe/i.test(names) ? "lavapipe" : /swiftshader/i.test(names) ? "swiftshader" : "gpu";
  return {
    description, vendor, architecture, kind, software: kind !== "gpu",
    family: familyName(family),
  };
}

function familyOf(adapter: GPUAdapter): KernelFamily {
  const { features, subgroupMinSize: min, subgroupMaxSize: max } = factsOf(adapter);
  const fixed = features.has("subgroups") && min === max;
  return fixed && (min === 4 || min === 8) ? { kind: "subgroup", size: min } : { kind: "workgroup" };
}

/**
 * Whether the dynamic linker finds a Vulkan loader, asked of the linker itself. The loader is no Node add-on, so loading
 * it always fails; Node says "did not self-register" when the library was there and the linker's own words when it was not.
 */
function hasVulkanLoader(): boolean {
  try {
    process.dlopen({ exports: {} }, "libvulkan.so.1");
    return true;
  } catch (error) {
    return /self-register/.test((error as Error).message);
  }
}

let announced = false;

/** Once per process: a software adapter is never silently slow, and one that stands in for another says why. */
function announce(info: AdapterInfo, refused: readonly string[]): void {
  if (announced) return;
  announced = true;
  const log = logger("gpu");
  if (!info.software) log.info({ adapter: info }, `running on ${info.description}`);
  else log.warn({ adapter: info, refused, advice: adviceFor(info) }, `running on ${info.kind}, a software adapter: slow`);
}
