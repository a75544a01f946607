import type { KernelFamily } from "../../gpu/device.ts";
import type { Step } from "../../gpu/kernel.ts";
import { requireElements, type Tensor } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import { bindEpilogue } from "./epilogue.ts";
import { filterRowForward, filterRowGradInput } from "./filter-row-subgroup.ts";
import { columnPitch, type ConvGeometry, inputElements, linearGeometry, outputElements, weightElements } from "./geometry.ts";
import { gatherColumns } from "./gather-columns.ts";
import { groupedForward } from "./grouped-forward.ts";
import { groupedGradInput } from "./grouped-grad-input.ts";
import { groupedGradWeight, groupedSlices } from "./grouped-grad-weight.ts";
import { forwardPass, type GemmOperands, type GemmPass, gradInputPasses } from "./implicit-gemm.ts";
import { implicitGemmSubgroup } from "./implicit-gemm-subgroup.ts";
import { implicitGemmTiled } from "./implicit-gemm-tiled.ts";
import { narrowGradInput } from "./narrow-grad-input-subgroup.ts";
import { sumSlices } from "./sum-slices.ts";
import { transposedElements, transposeWeight } from "./transpose-weight.ts";
import { type ConvTarget, variantOf } from "./variants.ts";
import { rowSubgroupSlices, weightGradientRow } from "./weight-gradient-row-subgroup.ts";
import { subgroupSlices, weightGradientSubgroup } from "./weight-gradient-subgroup.ts";
import { tiledSlices, weightGradientTiled } from "./weight-gradient-tiled.ts";

/**
 * Convolutions and linear layers (linearGeometry), forward and backward, by the variant that suits the adapter (variants.ts). Physical
 * tensors as in graph/layout.ts. Outputs are written whole, padding lanes as 0, and may not alias an input. All sums have
 * a fixed order; those of an image do not depend on the batch it lies in.
 */

export interface ForwardTensors {
  /** [n, h, w, C] */
  readonly x: Tensor;
  /** [kh·kw, C or c/groups, K] */
  readonly w: Tensor;
  /** [n, oh, ow, K], written. */
  readonly y: Tensor;
  /** [K] */
  readonly bias?: Tensor | undefined;
  /** Laid out as y. */
  readonly residual?: Tensor | undefined;
  /** Laid out as y: y is 0 where this is ≤ 0. */
  readonly mask?: Tensor | undefined;
}

/**
 * y = maskpos( relu?( conv(x, w) + bias + residual ) ).
 *
 * @throws EngineError SHAPE_MISMATCH naming conv2d and the tensor that is too small.
 */
export function convForward(target: ConvTarget, g: ConvGeometry, { x, w, y, bias, residual, mask }: ForwardTensors, { relu }: { readonly relu: boolean }): Step[] {
  requireElements("conv2d", "x", x, inputElements(g));
  requireElements("conv2d", "w", w, weightElements(g));
  requireElements("conv2d", "y", y, outputElements(g));
  const epilogue = bindEpilogue("conv2d", { bias, residual, mask, relu }, g.k, outputElements(g), x);
  const operands = { flags: epilogue.flags, buffers: [x, w, ...epilogue.buffers, y] };
  switch (variantOf(target, "forward", g).kernel) {
    case "grouped": return [groupedForward(g, operands)];
    case "filter-row": return [filterRowForward(g, operands)];
    default: return [implicitGemm(target.family, forwardPass(g), operands)];
  }
}

/**
 * f32 elements of the weight in the form that the variant reads it in; 0 where it reads the weight as it is. Such a form
 * changes only with the weight, so a plan makes it once for many runs.
 */
export function preparedWeightElements(target: ConvTarget, operation: "forward" | "grad-input", g: ConvGeometry): number {
  if (operation === "forward") return 0;
  const { kernel } = variantOf(target, operation, g);
  return kernel === "columns" || target.family.kind === "workgroup" ? transposedElements(g) : 0;
}

/** @throws EngineError SHAPE_MISMATCH when a tensor is too small. */
export function prepareWeight(g: ConvGeometry, w: Tensor, prepared: Tensor): Step[] { return [transposeWeight(g, w, prepared)]; }

export interface GradInputTensors {
  /** [n, oh, ow, K] */
  readonly dy: Tensor;
  /** From prepareWeight, preparedWeightElements(target, "grad-input", g) long; the weight itself where that is 0. */
  readonly w: Tensor;
  /** [n, h, w, C], written. */
  readonly dx: Tensor;
  /** Another gradient to add, laid out as dx. */
  readonly residual?: Tensor | undefined;
  /** Laid out as dx: dx is 0 where this is ≤ 0. It is the ReLU output whose gradient this becomes. */
  readonly mask?: Tensor | undefined;
  /** At least gradInputScratchElements(target, g) elements; not needed where that is 0. */
  readonly scratch?: Tensor | undefined;
}

/** f32 elements of scratch that convGradInput needs: never more than dy has. */
export function gradInputScratchElements(target: ConvTarget, g: ConvGeometry): number {
  return variantOf(target, "grad-input", g).kernel === "columns" ? columnElements(g) : 0;
}

function columnElements(g: ConvGeometry): number { return g.n * g.oh * g.ow * columnPitch(g); }

/**
 * dx = maskpos( conv_transpose(dy, w) + residual ).
 *
 * @throws EngineError SHAPE_MISMATCH naming conv2d-grad-input and the tensor that is too small.
 */
export function convGradInput(target: ConvTarget, g: ConvGeometry, { dy, w, dx, residual, mask, scratch }: GradInputTensors): Step[] {
  const name = "conv2d-grad-input";
  requireElements(name, "dy", dy, outputElements(g));
  requireElements(name, "w", w, preparedWeightElements(target, "grad-input", g) || weightElements(g));
  requireElements(name, "dx", dx, inputElements(g));
  const epilogue = bindEpilogue(name, { residual, mask }, g.c, inputElements(g), dy);
  const operands = { flags: epilogue.flags, buffers: [dy, w, ...epilogue.buffers, dx] };
  switch (variantOf(target, "grad-input", g).kernel) {
    case "grouped": return [groupedGradInput(g, operands)];
    case "filter-row": return [filterRowGradInput(g, operands)];
    case "narrow": return [narrowGradInput(g, operands)];
    case "columns": return gradInputByColumns(target.family, g, dy, w, scratch, dx, operands);
    default: return gradInputPasses(g).map((pass) => implicitGemm(target.family, pass, operands));
  }
}

/** dy · w, w as columns, then every pixel of dx gathers what reaches it. */
function gradInputByColumns(family: KernelFamily, g: ConvGeometry, dy: Tensor, w: Tensor, scratch: Tensor | undefined, dx: Tensor, { flags, buffers }: GemmOperands): Step[] {
  const columns = scratch ?? noScratch(dx);
  requireElements("conv2d-grad-input", "scratch", columns, columnElements(g));
  const product = forwardPass(linearGeometry(g.n * g.oh * g.ow, pad4(g.k), columnPitch(g)));
  return [
    implicitGemm(family, product, { flags: 0, buffers: [dy, w, dy, dy, dy, columns] }),
    gatherColumns(g, { flags, buffers: [columns, ...buffers.slice(2)] }),
  ];
}

export interface GradWeightTensors {
  /** [n, h, w, C] */
  readonly x: Tensor;
  /** [n, oh, ow, K] */
  readonly dy: Tensor;
  /** [kh·kw, C or c/groups, K], written. */
  readonly dw: Tensor;
  /** At least scratchElements(target, g) elements; not needed where that is 0. */
  readonly scratch?: Tensor | undefined;
}

/**
 * dw = the sum over all output pixels of x · dy, in slices whose cuts depend on the family and the geometry alone.
 *
 * @throws EngineError SHAPE_MISMATCH naming conv2d-grad-weight and the tensor that is too small.
 */
export function convGradWeight(target: ConvTarget, g: ConvGeometry, { x, dy, dw, scratch }: GradWeightTensors): Step[] {
  const name = "conv2d-grad-weight";
  requireElements(name, "x", x, inputElements(g));
  requireElements(name, "dy", dy, outputElements(g));
  requireElements(name, "dw", dw, weightElements(g));
  const count = slices(target, g);
  if (count === 1) return [gradWeightSlices(target, g, x, dy, dw)];
  const part = scratch ?? noScratch(dw);
  requireElements(name, "scratch", part, scratchElements(target, g));
  return [gradWeightSlices(target, g, x, dy, part), sumSlices(part, dw, { slices: count, n: weightElements(g) })];
}

/** f32 elements of scratch that convGradWeight needs; 0 where it writes dw directly. */
export function scratchElements(target: ConvTarget, g: ConvGeometry): number {
  const count = slices(target, g);
  return count === 1 ? 0 : count * weightElements(g);
}

/** Stands for a scratch that was not given: too small for anything, so it is refused by name. */
function noScratch(any: Tensor): Tensor { return { ...any, bytes: 0, shape: [0], label: "none given" }; }

function implicitGemm(family: KernelFamily, pass: GemmPass, operands: GemmOperands): Step {
  return family.kind === "subgroup" ? implicitGemmSubgroup(family.size, pass, operands) : implicitGemmTiled(pass, operands);
}

function slices(target: ConvTarget, g: ConvGeometry): number {
  const { family } = target;
  switch (variantOf(target, "grad-weight", g).kernel) {
    case "grouped": return groupedSlices(g);
    case "filter-row": return rowSubgroupSlices(g);
    default: return family.kind === "subgroup" ? subgroupSlices(family.size, g) : tiledSlices(g);
  }
}

function gradWeightSlices(target: ConvTarget, g: ConvGeometry, x: Tensor, dy: Tensor, part: Tensor): Step {
  const { family } = target;
  switch (variantOf(target, "grad-weight", g).kernel) {
    case "grouped": return groupedGradWeight(g, x, dy, part);
    case "filter-row": return weightGradientRow(g, x, dy, part);
    default: return family.kind === "subgroup" ? weightGradientSubgroup(family.size, g, x, dy, part) : weightGradientTiled(g, x, dy, part);
  }
}
