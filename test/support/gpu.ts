import { Gpu, type Scope } from "../../services/engine/gpu/device.ts";
import type { Step } from "../../services/engine/gpu/kernel.ts";
import { runOnce } from "../../services/engine/gpu/program.ts";
import type { Tensor } from "../../services/engine/gpu/tensor.ts";

/** One device per test process: opening one costs more than most tests. Closed by the process's end hook. */
let shared: Promise<Gpu> | undefined;
export function testGpu(): Promise<Gpu> {
  shared ??= Gpu.open();
  return shared;
}

/** Call from `after()` in every file that used testGpu. */
export async function closeTestGpu(): Promise<void> {
  (await shared)?.close();
  shared = undefined;
}

export function uploadF32(scope: Scope, label: string, data: ArrayLike<number>, shape: readonly number[] = [data.length]): Tensor {
  const tensor = scope.tensor(label, shape, "f32");
  scope.gpu.write(tensor, Float32Array.from(data));
  return tensor;
}

export function uploadU32(scope: Scope, label: string, data: ArrayLike<number>, shape: readonly number[] = [data.length]): Tensor {
  const tensor = scope.tensor(label, shape, "u32");
  scope.gpu.write(tensor, Uint32Array.from(data));
  return tensor;
}

/** A tensor pre-filled with `sentinel`, `CANARY` elements longer than `n`: reading it back shows stray and missing writes. */
export const CANARY = 64;
export function canary(scope: Scope, label: string, n: number, sentinel: number): Tensor {
  return uploadF32(scope, label, new Float32Array(n + CANARY).fill(sentinel));
}

/** Runs the steps, reads `output` back and checks the canary: the tail untouched, no sentinel left in the body. */
export async function runChecked(gpu: Gpu, steps: readonly Step[], output: Tensor, n: number, sentinel: number): Promise<Float32Array> {
  await runOnce(gpu, "test", steps);
  const all = await gpu.readF32(output);
  for (let i = Math.ceil(n / 4) * 4; i < all.length; i++) if (all[i] !== sentinel) throw new Error(`wrote past the end: [${i}] = ${all[i]}`);
  for (let i = 0; i < n; i++) if (all[i] === sentinel) throw new Error(`left unwritten: [${i}]`);
  return all.slice(0, n);
}

/** Folds grids at `side` workgroups while `body` runs, so that the fold is tested without millions of workgroups. */
export async function withGridLimit(gpu: Gpu, side: number, body: () => Promise<void>): Promise<void> {
  const before = gpu.gridLimit;
  gpu.gridLimit = side;
  try { await body(); } finally { gpu.gridLimit = before; }
}
