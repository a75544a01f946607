import type { Dispatch, KernelSpec } from "../../gpu/kernel.ts";
import type { Tensor } from "../../gpu/tensor.ts";
import { localResponseLaunch, localResponseParams, type LocalResponseShape } from "./local-response.ts";

export const localResponseGradSpec: KernelSpec = {
  name: "norm/local-response-grad", lib: ["lib/grid"], params: localResponseParams, reads: ["dy", "x"], writes: ["dx"], constants: { WG: 8, PER: 16 },
};

/**
 * The gradient of localResponse.
 *
 * @param dy, x [n, channels, inner] f32; x as localResponse read it. @param dx the same, output; may not alias another.
 * @throws EngineError as localResponse.
 */
export function localResponseGrad(dy: Tensor, x: Tensor, dx: Tensor, shape: LocalResponseShape): Dispatch {
  return { ...localResponseLaunch(localResponseGradSpec, shape, { dy, x, dx }), kind: "dispatch", spec: localResponseGradSpec, buffers: [dy, x, dx] };
}
