import { readFileSync } from "node:fs";
import { join } from "node:path";

import { shadersFolder } from "../../common/paths.ts";
import { EngineError } from "../errors.ts";
import { expand, type Expanded, type TemplateValues } from "./template.ts";
import { TEXTURE_FORMAT, type Tensor, type TensorTexture } from "./tensor.ts";

export type ScalarType = "u32" | "i32" | "f32";

/** Everything about one WGSL entry point that TypeScript must agree on with the file; the mirror test compares them. */
export interface KernelSpec {
  /** Path under shaders/ without extension; also the label of its GPU objects. */
  readonly name: string;
  /** Helpers from shaders/, appended (not prepended) so compiler line numbers stay those of the kernel file. */
  readonly lib: readonly string[];
  /** Fields of `struct Params` (binding 0), in WGSL order. Scalars only. */
  readonly params: Readonly<Record<string, ScalarType>>;
  /** Storage bindings 1.., in WGSL order. */
  readonly reads: readonly string[];
  /** Those of `reads` that are bound as textures (lib/texel) instead of as buffers. */
  readonly textures?: readonly string[];
  /** Storage bindings after `reads`, in WGSL order. */
  readonly writes: readonly string[];
  /** Values for WGSL `override`s. */
  readonly constants: Readonly<Record<string, number>>;
  /** Numbers for the preprocessor (gpu/template.ts), for kernels with unrolled register tiles. */
  readonly template?: TemplateValues;
  /** True when the file says `enable subgroups;`. */
  readonly subgroups?: boolean;
}

/** A scalar whose value is given when a program runs (a learning rate, a draw counter), not when it is prepared. */
export class Dynamic {
  constructor(readonly label: string) {}
}

/** One launch of a kernel: plain data, made by a binding after its checks, not yet tied to a device. */
export interface Dispatch {
  readonly kind: "dispatch";
  readonly spec: KernelSpec;
  /** One number per field of `spec.params`. */
  readonly params: Readonly<Record<string, number | Dynamic>>;
  /** `reads`, then `writes`. */
  readonly buffers: readonly Tensor[];
  /** Count of workgroups; folded into two grid sides, which the kernel undoes with lib/grid. 0 is legal and does nothing. */
  readonly workgroups: number;
}

export interface Copy { readonly kind: "copy"; readonly from: Tensor; readonly to: Tensor; readonly bytes: number }
export interface Clear { readonly kind: "clear"; readonly tensor: Tensor }
/** Brings the texture of a tensor up to date with its buffer. */
export interface ToTexture { readonly kind: "texture"; readonly tensor: Tensor & { readonly texture: TensorTexture } }

/** What a program is made of. The same object may stand in a program many times (a loop body); it is prepared once. */
export type Step = Dispatch | Copy | Clear | ToTexture;

export const shaderRoot = shadersFolder();

/** The text given to the compiler and the file and line that each of its lines came from. */
export function source(spec: KernelSpec): { text: string; origin: (line: number) => string } {
  const parts = [spec.name, ...spec.lib].map((name): [string, Expanded] => {
    const text = readFileSync(join(shaderRoot, `${name}.wgsl`), "utf8");
    return [name, spec.template ? expand(name, text, spec.template) : { text, lines: text.split("\n").map((_, i) => i + 1) }];
  });
  const origins = parts.flatMap(([name, part]) => part.lines.map((line) => `${name}.wgsl:${line}`));
  return { text: parts.map(([, part]) => part.text).join("\n"), origin: (line) => origins[line - 1] ?? `${spec.name}.wgsl:${line}` };
}

/** Specs with equal keys compile to the same pipeline. */
export function pipelineKey(spec: KernelSpec): string {
  return JSON.stringify([spec.name, spec.constants, spec.template ?? {}]);
}

/** Compiles WGSL. @throws EngineError SHADER_INVALID with file:line:column of each message. */
export async function compile(device: GPUDevice, spec: KernelSpec): Promise<GPUComputePipeline> {
  const { text, origin } = source(spec);
  device.pushErrorScope("validation"); // push and pop in one tick: scopes are a per-device stack
  const module = device.createShaderModule({ label: spec.name, code: text });
  const invalid = await device.popErrorScope();
  const errors = (await module.getCompilationInfo()).messages.filter((m) => m.type === "error");
  if (errors.length > 0 || invalid) {
    const where = errors.map((m) => `${origin(m.lineNum)}:${m.linePos} ${m.message}`);
    throw new EngineError("SHADER_INVALID", where.join("\n") || `${spec.name}.wgsl:1:1 ${invalid!.message}`, { kernel: spec.name });
  }
  try {
    return await device.createComputePipelineAsync({
      label: spec.name,
      layout: device.createPipelineLayout({ bindGroupLayouts: [bindGroupLayout(device, spec)] }),
      compute: { module, entryPoint: "main", constants: { ...spec.constants } },
    });
  } catch (cause) {
    throw new EngineError("SHADER_INVALID", `${spec.name}.wgsl:1:1 pipeline: ${(cause as Error).message}`, { kernel: spec.name }, { cause });
  }
}

/** Whether the kernel reads this one of its `reads` as a texture. */
export function isTexture({ textures = [] }: KernelSpec, name: string | undefined): boolean {
  return name !== undefined && textures.includes(name);
}

/** Explicit, not `layout: "auto"`: auto drops bindings that a kernel does not read. */
function bindGroupLayout(device: GPUDevice, spec: KernelSpec): GPUBindGroupLayout {
  const buffer = (type: GPUBufferBindingType): Partial<GPUBindGroupLayoutEntry> => ({ buffer: { type } });
  const texture: Partial<GPUBindGroupLayoutEntry> = { storageTexture: { access: "read-only", format: TEXTURE_FORMAT } };
  const resources = [
    buffer("uniform"),
    ...spec.reads.map((name) => (isTexture(spec, name) ? texture : buffer("read-only-storage"))),
    ...spec.writes.map(() => buffer("storage")),
  ];
  return device.createBindGroupLayout({
    label: spec.name,
    entries: resources.map((resource, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, ...resource })),
  });
}

/** Splits `n` workgroups into x·y ≥ n with both sides ≤ `limit`; kernels undo it with lib/grid. */
export function foldGrid(n: number, limit: number): [number, number] {
  const x = Math.min(n, limit);
  return [x, Math.ceil(n / Math.max(1, x))];
}
