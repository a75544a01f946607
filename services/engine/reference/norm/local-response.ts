export interface LocalResponse {
  readonly n: number;
  readonly channels: number;
  readonly inner: number;
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly bias: number;
}

/** y = x · s^−beta. @param x [n, channels, inner]. @returns the same. */
export function localResponseReference(x: Float64Array, shape: LocalResponse): Float64Array {
  return x.map((v, i) => v * localStrength(x, i, shape) ** -shape.beta);
}

/** s = bias + alpha/size · Σ x² over the window of channels of element i. */
export function localStrength(x: Float64Array, i: number, shape: LocalResponse): number {
  return shape.bias + (shape.alpha / shape.size) * localWindow(i, shape).reduce((sum, at) => sum + x[at]! ** 2, 0);
}

/** Elements of the channels c − ⌊(size − 1)/2⌋ … c + ⌈(size − 1)/2⌉ that exist, at the pixel of element i. */
export function localWindow(i: number, { channels, inner, size }: LocalResponse): number[] {
  const c = Math.floor(i / inner) % channels;
  return Array.from({ length: size }, (_, t) => c - Math.floor((size - 1) / 2) + t).filter((l) => l >= 0 && l < channels).map((l) => i + (l - c) * inner);
}
