import { type Lines, mapLines } from "./axis.ts";

/**
 * dx[j] = Σ_l dy[l] · ∂y[l]/∂x[j], with ∂y[l]/∂x[j] = y[l] · (δ_jl − y[j]) of softmax and δ_jl − exp(y[j]) of its logarithm.
 *
 * @param dy, y [outer, size, inner], y from softmaxReference. @returns the same.
 */
export function softmaxGradReference(dy: Float64Array, y: Float64Array, shape: Lines, { log }: { readonly log: boolean }): Float64Array {
  return mapLines([dy, y], shape, (d, p) => p.map((pj, j) => d.reduce((sum, dl, l) => sum + dl * (log ? Number(l === j) - Math.exp(pj) : p[l]! * (Number(l === j) - pj)), 0)));
}
