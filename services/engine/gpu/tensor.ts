import { EngineError } from "../errors.ts";

/**
 * A typed range of a GPU buffer. Plain data: whoever created it (a Scope, a plan) owns the buffer.
 *
 * `shape` is physical, in elements of 4 bytes: exactly what lies in memory, padding included, slowest axis first.
 * Image-space tensors are dense [n, c·h·w] in NCHW order; activations are [n, h, w, c4·4] (see graph/layout.ts).
 */
export interface Tensor {
  readonly buffer: GPUBuffer;
  /** Byte offset in `buffer`; a multiple of 256. */
  readonly offset: number;
  /** Bytes of the range; a multiple of 4. The binding is rounded up to 16, so a kernel may view it as vec4. */
  readonly bytes: number;
  readonly shape: readonly number[];
  readonly dtype: "f32" | "u32";
  readonly label: string;
  /** The same elements once more, for kernels that read a texture faster than a buffer; current after a `texture` step. */
  readonly texture?: TensorTexture;
}

/** Element 4·i … 4·i+3 of a tensor is texel (i mod TEXTURE_WIDTH, ⌊i / TEXTURE_WIDTH⌋); shaders/lib/texel.wgsl reads it. */
export interface TensorTexture {
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;
}

export const TEXTURE_FORMAT = "rgba32float";
/** A power of two, and the width of every such texture: the kernels know it as a constant. */
export const TEXTURE_WIDTH = 4096;
const TEXEL_BYTES = 16;
export const TEXTURE_ROW_BYTES = TEXTURE_WIDTH * TEXEL_BYTES;

/** Rows of the texture that holds so many bytes. */
export function textureRows(bytes: number): number { return Math.ceil(bytes / TEXTURE_ROW_BYTES); }

/** Storage-buffer binding offsets must be multiples of this (WebGPU default limit). */
export const OFFSET_ALIGNMENT = 256;

/** What a buffer of so many bytes takes: never none, and whole vec4s. */
export function bufferBytes(bytes: number): number { return roundUp(Math.max(bytes, 16), 16); }

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** @throws EngineError SHAPE_MISMATCH naming the kernel, the tensor, what it needs and what it got. */
export function requireElements(kernel: string, name: string, tensor: Tensor, needed: number): void {
  if (tensor.bytes >= needed * 4) return;
  throw new EngineError("SHAPE_MISMATCH", `${kernel}: expected ${name} to hold ${needed} elements, got ${tensor.bytes / 4} (${tensor.label} [${tensor.shape.join(", ")}])`, {
    kernel, tensor: name, expected: needed, got: tensor.bytes / 4,
  });
}

/** @throws EngineError SHAPE_MISMATCH unless every value is a positive safe integer. */
export function requirePositive(kernel: string, sizes: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(sizes)) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw new EngineError("SHAPE_MISMATCH", `${kernel}: expected ${name} to be a positive integer, got ${value}`, { kernel, [name]: value });
  }
}

/** @throws EngineError VALUE_RANGE unless `low ≤ value ≤ high` (NaN fails). */
export function requireRange(kernel: string, name: string, value: number, low: number, high: number): void {
  if (value >= low && value <= high) return;
  throw new EngineError("VALUE_RANGE", `${kernel}: expected ${name} in [${low}, ${high}], got ${value}`, { kernel, [name]: value, low, high });
}
