import type { Gpu, Scope } from "../../services/engine/gpu/device.ts";
import type { Step } from "../../services/engine/gpu/kernel.ts";
import { runOnce } from "../../services/engine/gpu/program.ts";
import type { Tensor } from "../../services/engine/gpu/tensor.ts";
import { CANARY, uploadF32, uploadU32 } from "./gpu.ts";

/** Helpers for tests of kernels on [n, m] rows: u32 outputs, tensors changed in place, several outputs. */

/** A u32 output filled with `sentinel`, CANARY elements too long. */
export function canaryU32(scope: Scope, label: string, n: number, sentinel = 0xdeadbeef): Tensor {
  return uploadU32(scope, label, new Uint32Array(n + CANARY).fill(sentinel));
}

/** Data for a kernel to change in place, followed by CANARY sentinels. */
export function inPlaceF32(scope: Scope, label: string, data: ArrayLike<number>, sentinel: number): Tensor {
  return uploadF32(scope, label, [...Array.from(data), ...new Array<number>(CANARY).fill(sentinel)]);
}

/** The first n elements, after checking that the tail is untouched and (unless `sparse`) that no sentinel is left before it. */
export async function readCanary(gpu: Gpu, tensor: Tensor, n: number, sentinel: number, sparse = false): Promise<Float32Array | Uint32Array> {
  const all = await gpu.read(tensor);
  for (let i = Math.ceil(n / 4) * 4; i < all.length; i++) if (all[i] !== sentinel) throw new Error(`${tensor.label}: wrote past the end: [${i}] = ${all[i]}`);
  for (let i = 0; i < n; i++) if (!sparse && all[i] === sentinel) throw new Error(`${tensor.label}: left unwritten: [${i}]`);
  return all.slice(0, n);
}

/** Runs the steps, then reads and checks a u32 canary. */
export async function runCheckedU32(gpu: Gpu, steps: readonly Step[], output: Tensor, n: number, sentinel = 0xdeadbeef): Promise<Uint32Array> {
  await runOnce(gpu, "test", steps);
  return (await readCanary(gpu, output, n, sentinel)) as Uint32Array;
}

/** Runs `body` with a scope that is freed afterwards. */
export async function withScope<T>(gpu: Gpu, body: (scope: Scope) => Promise<T>): Promise<T> {
  const scope = gpu.scope("test");
  try { return await body(scope); } finally { scope.dispose(); }
}
