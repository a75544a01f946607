import type { Scope } from "../gpu/device.ts";
import { TEXTURE_ROW_BYTES, type TensorTexture } from "../gpu/tensor.ts";

/**
 * Memory for the intermediate values of plans that run one after the other: what the body of one leaves is gone when
 * another's has run. Owned by its scope. Compile the plan that needs most first: a buffer serves what is not larger than it.
 */
export class Workspace {
  readonly #buffers: GPUBuffer[] = [];
  readonly #textures: TensorTexture[] = [];
  constructor(readonly scope: Scope) {}

  /** One buffer for each size, none twice. @throws EngineError OUT_OF_MEMORY. */
  buffers(sizes: readonly number[]): GPUBuffer[] {
    return lend(sizes, this.#buffers, ({ size }) => size, (bytes) => this.scope.buffer(`workspace ${this.#buffers.length}`, bytes));
  }

  /** One texture for each count of bytes, none twice. @throws EngineError OUT_OF_MEMORY. */
  textures(sizes: readonly number[]): TensorTexture[] {
    return lend(sizes, this.#textures, ({ texture }) => texture.height * TEXTURE_ROW_BYTES, (bytes) => this.scope.texture(`texture ${this.#textures.length}`, bytes));
  }
}

/** The smallest that is large enough for each size, largest sizes first; makes what is missing and keeps it in `all`. */
function lend<T>(sizes: readonly number[], all: T[], bytesOf: (item: T) => number, make: (bytes: number) => T): T[] {
  const free = new Set(all);
  const lent = new Map<number, T>();
  for (const [i, size] of [...sizes.entries()].sort(([, a], [, b]) => b - a)) {
    const fitting = [...free].filter((item) => bytesOf(item) >= size).sort((a, b) => bytesOf(a) - bytesOf(b));
    const item = fitting[0] ?? make(size);
    if (!free.delete(item)) all.push(item);
    lent.set(i, item);
  }
  return sizes.map((_, i) => lent.get(i)!);
}
