import type { LocalResponseShape } from "../../../services/engine/kernels/norm/local-response.ts";

const alexNet = { size: 5, alpha: 1e-4, beta: 0.75, bias: 2 };

/** One of each; primes; even windows and such as are wider than the tensor; one under, at and over a workgroup's 128 elements; large. */
export const localResponseCases: readonly LocalResponseShape[] = [
  { ...alexNet, n: 1, channels: 1, inner: 1 }, { ...alexNet, n: 2, channels: 7, inner: 13 },
  { n: 2, channels: 5, inner: 3, size: 1, alpha: 1, beta: 0.5, bias: 0.25 }, { n: 1, channels: 6, inner: 5, size: 4, alpha: 2, beta: 1.5, bias: 1 },
  { n: 1, channels: 3, inner: 4, size: 9, alpha: 3, beta: 0.75, bias: 0.5 }, { n: 1, channels: 127, inner: 1, size: 3, alpha: 1, beta: 1, bias: 1 },
  { n: 2, channels: 64, inner: 1, size: 2, alpha: 1, beta: 1, bias: 1 }, { n: 1, channels: 43, inner: 3, size: 3, alpha: 1, beta: 2, bias: 1 }, { n: 3, channels: 96, inner: 27 * 27, size: 5, alpha: 1, beta: 0.75, bias: 1 },
];

export function describeLocalResponse({ n, channels, inner, size }: LocalResponseShape): string { return `[${n}, ${channels}, ${inner}], windows of ${size}`; }
