import { EngineError } from "../errors.ts";
import { type FoundAdapter, findAdapter } from "./adapter.ts";
import { compile, type KernelSpec, pipelineKey } from "./kernel.ts";
import type { Tuning } from "../kernels/conv/variants.ts";
import { installPollThrottle } from "./poll.ts";
import { bufferBytes, OFFSET_ALIGNMENT, roundUp, type Tensor, elements, TEXTURE_FORMAT, TEXTURE_ROW_BYTES, TEXTURE_WIDTH, type TensorTexture, textureRows } from "./tensor.ts";

/**
 * Which kernel variants fit the adapter. `subgroup`: operands are broadcast inside one subgroup of a fixed small size
 * (software rasterisers; shared memory only costs there). `workgroup`: tiles in workgroup memory (GPUs, and any adapter
 * that promises no fixed subgroup size).
 */
export type KernelFamily =
  | { readonly kind: "subgroup"; readonly size: 4 | 8 }
  /** `half`, `matrix`: only where the user asked for them (gpu/opt-ins.ts). */
  | { readonly kind: "workgroup"; readonly half?: boolean; readonly matrix?: MatrixUnit };

/** What an adapter's matrix units multiply at a time: blocks of side × side `operands`, with sums in f32. */
export interface MatrixUnit { readonly side: 8 | 16; readonly operands: "f32" | "f16" }

/** What a run's numbers were made on; stored with it. */
export interface AdapterInfo {
  readonly description: string;
  readonly vendor: string;
  readonly architecture: string;
  /** "gpu", "lavapipe", "swiftshader" or "null". */
  readonly kind: string;
  readonly software: boolean;
  readonly family: string;
}

const COUNTED = ["createBuffer", "createTexture", "createSampler", "createBindGroup", "createBindGroupLayout", "createPipelineLayout", "createShaderModule", "createComputePipeline", "createComputePipelineAsync", "createQuerySet"] as const;

const LIMITS = ["maxBufferSize", "maxStorageBufferBindingSize", "maxComputeWorkgroupStorageSize", "maxComputeInvocationsPerWorkgroup", "maxComputeWorkgroupSizeX", "maxStorageBuffersPerShaderStage", "maxTextureDimension2D"] as const;

/** Used where the adapter has them; the last is there only when it was asked for (gpu/adapter.ts). */
const FEATURES = ["subgroups", "shader-f16", "chromium-experimental-subgroup-matrix"];

export interface GpuOptions {
  /** "auto" takes the best adapter (gpu/adapter.ts says in which order); "null" validates shaders without any. */
  readonly backend?: "auto" | "null";
}

/**
 * One Dawn device and everything made on it. Owns the pipelines; scopes own the buffers. After `close()`, or once
 * `fault` is set by a lost device, nothing made here works any more: open another.
 */
export class Gpu {
  /** GPU objects created since the device was opened, by kind: a steady state must not change any. */
  readonly counts: Record<string, number> = {};
  /** The first error Dawn reported outside an error scope, or the loss of the device. */
  fault: EngineError | undefined;
  /** Bytes in live buffers and textures of scopes (staging and uniform buffers are small and not counted). */
  allocatedBytes = 0;
  /** Longest side of a dispatch grid; a test lowers it to see kernels undo the fold without dispatching millions. */
  gridLimit: number;
  /** Bytes of the largest tensor: what one buffer holds and one binding shows. A test lowers it to see work cut into pieces. */
  tensorLimit: number;
  /** Which kernel variants to use; without one, the documented defaults (kernels/conv/variants.ts). */
  tuning: Tuning | undefined;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  #found: FoundAdapter | undefined;
  #closing = false;

  private constructor(readonly device: GPUDevice, readonly adapter: AdapterInfo, readonly family: KernelFamily, found: FoundAdapter) {
    this.#found = found;
    this.gridLimit = device.limits.maxComputeWorkgroupsPerDimension;
    this.tensorLimit = roundDown(Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize), OFFSET_ALIGNMENT);
    for (const method of COUNTED) this.#count(method);
    device.addEventListener("uncapturederror", (event) => {
      this.fault ??= new EngineError(isOutOfMemory(event.error) ? "OUT_OF_MEMORY" : "GPU_FAULT", `gpu: ${event.error.message}`);
    });
    void device.lost.then((info) => {
      if (!this.#closing) this.fault = new EngineError("DEVICE_LOST", `gpu: expected a working device, it was lost (${info.reason}): ${info.message}`, { reason: info.reason });
    });
  }

  /** @throws EngineError NO_ADAPTER with what to install when Dawn finds nothing to run on. */
  static async open({ backend = "auto" }: GpuOptions = {}): Promise<Gpu> {
    installPollThrottle();
    const found = await findAdapter(backend);
    const { adapter, info, family } = found;
    const device = await adapter.requestDevice({
      label: "lorenz",
      requiredFeatures: FEATURES.filter((name) => adapter.features.has(name)) as GPUFeatureName[],
      requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
    }).catch((cause: Error) => {
      found.release();
      throw new EngineError("NO_ADAPTER", `${info.description || info.kind}: expected a device, the driver refused: ${cause.message}`, {}, { cause });
    });
    return new Gpu(device, info, family, found);
  }

  get limits(): GPUSupportedLimits { return this.device.limits; }

  /** Compiled once per device and key. @throws EngineError SHADER_INVALID. */
  pipeline(spec: KernelSpec): Promise<GPUComputePipeline> {
    const key = pipelineKey(spec);
    const pipeline = this.#pipelines.get(key) ?? compile(this.device, spec);
    this.#pipelines.set(key, pipeline);
    return pipeline;
  }

  scope(label: string): Scope { return new Scope(this, label); }

  /** Throws the fault, if there is one: called wherever results leave the GPU. */
  check(): void { if (this.fault) throw this.fault; }

  /** Fills the tensor from the host; f32 or u32 by the tensor's dtype. Extra elements are refused, fewer leave the rest. */
  write(tensor: Tensor, data: Float32Array | Uint32Array): void {
    if (data.byteLength > tensor.bytes) throw new EngineError("SHAPE_MISMATCH", `write ${tensor.label}: expected at most ${tensor.bytes / 4} elements, got ${data.length}`);
    if (data.byteLength > 0) this.device.queue.writeBuffer(tensor.buffer, tensor.offset, data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  }

  /** One-off readback; where it happens repeatedly use a Readback, which keeps its staging buffer. */
  async read(tensor: Tensor): Promise<Float32Array | Uint32Array> {
    const readback = new Readback(this, [tensor]);
    try { return (await readback.read())[0]!; } finally { readback.dispose(); }
  }

  async readF32(tensor: Tensor): Promise<Float32Array> { return (await this.read(tensor)) as Float32Array; }

  /** Waits until all submitted work is done. @throws the fault, if any. */
  async idle(): Promise<void> {
    try {
      await this.device.queue.onSubmittedWorkDone();
    } catch (cause) {
      await new Promise((resolve) => setTimeout(resolve)); // lets device.lost settle first: it knows the reason
      this.check();
      throw new EngineError("GPU_FAULT", `idle: ${(cause as Error).message}`, {}, { cause });
    }
    this.check();
  }

  close(): void {
    this.#closing = true;
    this.device.destroy();
    this.#found?.release(); // Dawn keeps the event loop alive while its instance is reachable
    this.#found = undefined;
  }

  #count(method: (typeof COUNTED)[number]): void {
    const original = (this.device[method] as (...values: unknown[]) => unknown).bind(this.device);
    this.counts[method] = 0;
    Object.defineProperty(this.device, method, {
      configurable: true,
      value: (...values: unknown[]) => { this.counts[method]!++; return original(...values); },
    });
  }
}

/** Owns buffers and textures and frees them together. GPU memory is invisible to V8: what is not disposed here leaks. */
export class Scope {
  readonly #buffers: GPUBuffer[] = [];
  readonly #textures: GPUTexture[] = [];
  constructor(readonly gpu: Gpu, readonly label: string) {}

  /** A zeroed tensor. @throws EngineError OUT_OF_MEMORY when it exceeds the adapter's limits. */
  tensor(label: string, shape: readonly number[], dtype: "f32" | "u32" = "f32"): Tensor {
    const bytes = elements(shape) * 4;
    return { buffer: this.buffer(label, bytes), offset: 0, bytes, shape, dtype, label };
  }

  /** Part of `tensor`, starting at element `first`. @throws EngineError SHAPE_MISMATCH unless it lies inside, 256-byte aligned. */
  static slice(tensor: Tensor, label: string, first: number, shape: readonly number[], dtype = tensor.dtype): Tensor {
    const bytes = elements(shape) * 4;
    const offset = tensor.offset + first * 4;
    if (first < 0 || first * 4 + bytes > tensor.bytes || offset % OFFSET_ALIGNMENT !== 0) {
      throw new EngineError("SHAPE_MISMATCH", `slice ${label}: expected an aligned range inside ${tensor.bytes} bytes, got [${first * 4}, ${first * 4 + bytes})`);
    }
    return { buffer: tensor.buffer, offset, bytes, shape, dtype, label };
  }

  buffer(label: string, bytes: number, usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST): GPUBuffer {
    const { tensorLimit: limit } = this.gpu;
    const size = bufferBytes(bytes);
    if (size > limit) throw new EngineError("OUT_OF_MEMORY", `${this.label}/${label}: expected at most ${limit} bytes in one buffer, got ${size}; use a smaller batch`, { bytes: size, limit });
    this.gpu.check();
    const buffer = this.gpu.device.createBuffer({ label: `${this.label}/${label}`, size, usage });
    this.gpu.allocatedBytes += size;
    this.#buffers.push(buffer);
    return buffer;
  }

  /** Room for a tensor of up to `bytes` as a texture. @throws EngineError OUT_OF_MEMORY when it exceeds the adapter's limits. */
  texture(label: string, bytes: number): TensorTexture {
    const height = textureRows(bytes);
    if (height > this.gpu.limits.maxTextureDimension2D) {
      throw new EngineError("OUT_OF_MEMORY", `${this.label}/${label}: expected at most ${this.gpu.limits.maxTextureDimension2D * TEXTURE_ROW_BYTES} bytes in one texture, got ${bytes}; use a smaller batch`, { bytes });
    }
    this.gpu.check();
    const texture = this.gpu.device.createTexture({
      label: `${this.label}/${label}`, size: [TEXTURE_WIDTH, height], format: TEXTURE_FORMAT, usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_DST,
    });
    this.gpu.allocatedBytes += height * TEXTURE_ROW_BYTES;
    this.#textures.push(texture);
    return { texture, view: texture.createView() };
  }

  dispose(): void {
    for (const buffer of this.#buffers.splice(0)) {
      this.gpu.allocatedBytes -= buffer.size;
      buffer.destroy();
    }
    for (const texture of this.#textures.splice(0)) {
      this.gpu.allocatedBytes -= texture.height * TEXTURE_ROW_BYTES;
      texture.destroy();
    }
  }
}

/** Reads the same tensors again and again through one staging buffer. One read at a time. */
export class Readback {
  readonly #staging: GPUBuffer;
  readonly #offsets: number[] = [];

  constructor(readonly gpu: Gpu, readonly tensors: readonly Tensor[]) {
    let bytes = 0;
    for (const tensor of tensors) { this.#offsets.push(bytes); bytes += roundUp(tensor.bytes, 16); }
    gpu.check();
    this.#staging = gpu.device.createBuffer({ label: "readback", size: Math.max(bytes, 16), usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  }

  /** Copies of the tensors' contents, in order, after all work submitted so far. @throws EngineError DEVICE_LOST, GPU_FAULT, OUT_OF_MEMORY. */
  async read(): Promise<(Float32Array | Uint32Array)[]> {
    const { device } = this.gpu;
    this.gpu.check();
    const encoder = device.createCommandEncoder({ label: "readback" });
    this.tensors.forEach((t, i) => encoder.copyBufferToBuffer(t.buffer, t.offset, this.#staging, this.#offsets[i]!, t.bytes));
    device.queue.submit([encoder.finish()]);
    try {
      await this.#staging.mapAsync(GPUMapMode.READ);
    } catch (cause) {
      await new Promise((resolve) => setTimeout(resolve)); // lets device.lost settle first: it knows the reason
      this.gpu.check();
      throw new EngineError("GPU_FAULT", `readback: ${(cause as Error).message}`, {}, { cause });
    }
    const mapped = this.#staging.getMappedRange();
    const results = this.tensors.map((t, i) => {
      const bytes = mapped.slice(this.#offsets[i]!, this.#offsets[i]! + t.bytes);
      return t.dtype === "u32" ? new Uint32Array(bytes) : new Float32Array(bytes);
    });
    this.#staging.unmap();
    this.gpu.check();
    return results;
  }

  dispose(): void { this.#staging.destroy(); }
}

function roundDown(value: number, multiple: number): number { return Math.floor(value / multiple) * multiple; }

function isOutOfMemory(error: GPUError): boolean {
  return error.constructor.name === "GPUOutOfMemoryError" || /out of memory/i.test(error.message);
}
