/** Tensors and axes of which they lose their sides: first, last, between, several apart, all. */
export const reductions: readonly { readonly sizes: readonly number[]; readonly axes: readonly number[] }[] = [
  { sizes: [1], axes: [0] }, { sizes: [31], axes: [0] }, { sizes: [5, 7], axes: [0] }, { sizes: [5, 7], axes: [1] }, { sizes: [3, 4, 5], axes: [1] },
  { sizes: [3, 4, 5], axes: [0, 2] }, { sizes: [2, 3, 2, 3, 2, 3], axes: [4, 0, 2] }, { sizes: [2, 3, 4], axes: [0, 1, 2] }, { sizes: [64, 197], axes: [0] },
];
