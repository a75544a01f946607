import type { Dispatch, KernelSpec, ScalarType } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { elementwiseGroups, lanesOf, requireRows, requireType, requireWords, type Scalar } from "../image-space.ts";

/**
 * Which random numbers a kernel draws. Equal keys give equal bits for an image of equal index, whatever batch, row,
 * shard or run it stands in (shaders/lib/philox.wgsl says how the words enter the counter).
 */
export interface RandomKey {
  /** The run's seed, as the two words of `seedWords`. */
  readonly seedLow: Scalar;
  readonly seedHigh: Scalar;
  /** u32: which use of the stream this is: a restart, a sample, a step. Below 2^32 - 1, which the host's Rng occupies. */
  readonly draw: Scalar;
  /** u32: the purpose; two kernels of one program that must not share numbers need two streams. */
  readonly stream: Scalar;
}

/** The kernel parameters that every random kernel begins with. */
export const RANDOM_PARAMS = { n: "u32", m: "u32", seedLow: "u32", seedHigh: "u32", draw: "u32", stream: "u32", rowDraws: "u32" } as const satisfies Record<string, ScalarType>;

/** The specs of a fill kernel for rows of whole vec4 and for any other row. */
export function fillSpecs(name: string, lib: readonly string[], params: Readonly<Record<string, ScalarType>>): Record<1 | 4, KernelSpec> {
  const spec = (V: 1 | 4): KernelSpec => ({
    name, lib: ["lib/grid", "lib/philox", ...lib], params: { ...RANDOM_PARAMS, ...params },
    reads: ["images", "draws"], writes: ["y"], constants: { WG: 8, PER: 4 }, template: { V },
  });
  return { 1: spec(1), 4: spec(4) };
}

/** The checks and launch that the fills share; `scalars` are the kernel's own parameters, already checked. */
export function fillRows(
  specs: Record<1 | 4, KernelSpec>, images: Tensor, y: Tensor, draws: Tensor | undefined,
  { n, m, seedLow, seedHigh, draw, stream }: RandomKey & { n: number; m: number }, scalars: Readonly<Record<string, Scalar>>,
): Dispatch {
  const spec = specs[lanesOf(m)];
  requireRows(spec.name, n, m);
  requireWords(spec.name, { seedLow, seedHigh, draw, stream });
  requireRowKeys(spec.name, images, draws, n);
  requireElements(spec.name, "y", y, n * m);
  const params = { n, m, seedLow, seedHigh, draw, stream, rowDraws: draws ? 1 : 0, ...scalars };
  return { kind: "dispatch", spec, params, buffers: [images, draws ?? images, y], workgroups: elementwiseGroups(spec, n * Math.ceil(m / 4)) };
}

/** @throws EngineError SHAPE_MISMATCH unless both are u32 and hold n elements. */
export function requireRowKeys(kernel: string, images: Tensor, draws: Tensor | undefined, n: number): void {
  for (const [name, tensor] of [["images", images], ["draws", draws]] as const) {
    if (!tensor) continue;
    requireType(kernel, name, tensor, "u32");
    requireElements(kernel, name, tensor, n);
  }
}
