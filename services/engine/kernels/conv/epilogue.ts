import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";

/** What a convolution kernel can do to a sum before it stores it: y = maskpos( relu?( sum + bias + residual ) ). */
export interface Epilogue {
  /** [K] */
  readonly bias?: Tensor | undefined;
  /** Added; laid out as the output. */
  readonly residual?: Tensor | undefined;
  /** The output is 0 where this is ≤ 0; laid out as the output. */
  readonly mask?: Tensor | undefined;
  readonly relu?: boolean | undefined;
}

/** The bits of `params.flags`; shaders/lib/conv-epilogue.wgsl reads them. */
export const EPILOGUE = { bias: 1, residual: 2, relu: 4, mask: 8 } as const;

/**
 * Checks the operands against an output of `elements` elements with `k` channels, and returns the flags and what to bind:
 * a slot that is not used gets `unused`, any tensor the dispatch reads anyway.
 */
export function bindEpilogue(kernel: string, { bias, residual, mask, relu }: Epilogue, k: number, elements: number, unused: Tensor): { flags: number; buffers: readonly [Tensor, Tensor, Tensor] } {
  if (bias) requireElements(kernel, "bias", bias, pad4(k));
  if (residual) requireElements(kernel, "residual", residual, elements);
  if (mask) requireElements(kernel, "mask", mask, elements);
  const flags = (bias ? EPILOGUE.bias : 0) | (residual ? EPILOGUE.residual : 0) | (relu ? EPILOGUE.relu : 0) | (mask ? EPILOGUE.mask : 0);
  return { flags, buffers: [bias ?? unused, residual ?? unused, mask ?? unused] };
}
