import type { Tensor } from "../engine/gpu/tensor.ts";

/** Elements [first, first + count) of a tensor, for copies only: their offsets need no alignment, bindings' do (Scope.slice). */
export function part(tensor: Tensor, first: number, count: number): Tensor {
  return { ...tensor, offset: tensor.offset + first * 4, bytes: count * 4, shape: [count] };
}
