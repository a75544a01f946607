import { type LocalResponse, localStrength, localWindow } from "./local-response.ts";

/** dx[j] = Σ_i dy[i] · ∂y[i]/∂x[j], element by element of what each y is made of. @param dy, x [n, channels, inner]. @returns the same. */
export function localResponseGradReference(dy: Float64Array, x: Float64Array, shape: LocalResponse): Float64Array {
  const dx = new Float64Array(x.length);
  dy.forEach((d, i) => {
    const s = localStrength(x, i, shape);
    dx[i]! += d * s ** -shape.beta;
    for (const j of localWindow(i, shape)) dx[j]! -= d * x[i]! * shape.beta * s ** (-shape.beta - 1) * (shape.alpha / shape.size) * 2 * x[j]!;
  });
  return dx;
}
