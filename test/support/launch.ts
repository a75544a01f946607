import type { Gpu, Scope } from "../../services/engine/gpu/device.ts";
import type { Dynamic, Step } from "../../services/engine/gpu/kernel.ts";
import { runOnce } from "../../services/engine/gpu/program.ts";
import type { Tensor } from "../../services/engine/gpu/tensor.ts";
import { canary } from "./gpu.ts";
import { inPlaceF32, readCanary, withScope } from "./rows.ts";

/** No kernel tested through `launch` computes this number. */
const SENTINEL = -77_777;

/**
 * Runs steps and reads every named output back through its canary. An output given as a count is new and must be written
 * whole; one given as data is changed in place.
 */
export function launch<Name extends string>(
  gpu: Gpu,
  outputs: Readonly<Record<Name, number | ArrayLike<number>>>,
  build: (scope: Scope, tensors: Readonly<Record<Name, Tensor>>) => Step | readonly Step[],
  values?: ReadonlyMap<Dynamic, number>,
): Promise<Record<Name, Float32Array>> {
  return withScope(gpu, async (scope) => {
    const specs = Object.entries<number | ArrayLike<number>>(outputs).map(([name, given]) => {
      const n = typeof given === "number" ? given : given.length;
      return { name, n, tensor: typeof given === "number" ? canary(scope, name, n, SENTINEL) : inPlaceF32(scope, name, given, SENTINEL) };
    });
    const steps = build(scope, Object.fromEntries(specs.map(({ name, tensor }) => [name, tensor])) as Record<Name, Tensor>);
    await runOnce(gpu, "test", "kind" in steps ? [steps] : steps, values);
    const results: [string, Float32Array | Uint32Array][] = [];
    for (const { name, n, tensor } of specs) results.push([name, await readCanary(gpu, tensor, n, SENTINEL)]);
    return Object.fromEntries(results) as Record<Name, Float32Array>;
  });
}
