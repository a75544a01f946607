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
import { tiledForward, tiledGradInput, type TiledNeeds, tiledNeeds } from "./tiled-variants.ts";
import { transposedElements, transposeWeight } from "./transpose-weight.ts";
import { type ConvOperation, type ConvTarget, variantOf } from "./variants.ts";
import { rowSubgroupSlices, weightGradientRow } from "./weight-gradient-row-subgroup.ts";
import { subgroupSlices, weightGradientSubgroup } from "./weight-gradient-subgroup.ts";
import { tiledSlices, weightGradientTiled, type WeightTile } from "./weight-gradient-tiled.ts";

/**
 * Convolutions and linear layers (linearGeometry), forward and backward, by the variant that suits the adapter
 * (variants.ts). Physical tensors as in graph/layout.ts. Outputs are written whole, padding lanes as 0, and may not alias
 * an input. All sums have a fixed order; those of an image do not depend on the batch it lies in.
 */

/**
 * What a product needs beside its operands; counts are of f32 elements. `weight` is the weight in the variant's own form:
 * it changes only with the weight, so a plan makes it once for many runs. Without one, the variant reads the weight as it is.
 */
export type ProductNeeds = TiledNeeds;

const NOTHING: ProductNeeds = { scratch: [] };

export function productNeeds(target: ConvTarget, operation: ConvOperation, g: ConvGeometry): ProductNeeds {
  if (operation === "grad-weight") return slices(target, g) === 1 ? NOTHING : { scratch: [slices(target, g) * weightElements(g)] };
  const { kernel } = variantOf(target, operation, g);
  if (kernel === "columns") return { weight: { elements: transposedElements(g), scratch: [], prepare: (w, own) => [transposeWeight(g, w, own)] }, scratch: [columnElements(g)] };
  return target.family.kind === "subgroup" || kernel === "grouped" ? NOTHING : tiledNeeds(kernel, operation, g);
}

function columnElements(g: ConvGeometry): number { return g.n * g.oh * g.ow * columnPitch(g); }

/** @throws EngineError SHAPE_MISMATCH when the weight or a scratch tensor is too small or missing. */
function requireNeeds(name: string, needs: ProductNeeds, g: ConvGeometry, w: Tensor, scratch: readonly Tensor[]): void {
  requireElements(name, "w", w, needs.weight?.elements ?? weightElements(g));
  requireScratch(name, needs, scratch, w);
}

/** A scratch that was not given is reported as one with no elements; `any` only lends what a tensor must have. */
function requireScratch(name: string, needs: ProductNeeds, scratch: readonly Tensor[], any: Tensor): void {
  needs.scratch.forEach((elements, i) => { requireElements(name, "scratch", scratch[i] ?? { ...any, bytes: 0, shape: [0], label: "none given" }, elements); });
}

export interface ForwardTensors {
  /** [n, h, w, C] */
  readonly x: Tensor;
  /** [kh·kw, C or c/groups, K], or the form that productNeeds asks for. */
  readonly w: Tensor;
  /** [n, oh, ow, K], written. */
  readonly y: Tensor;
  /** [K] */
  readonly bias?: Tensor | undefined;
  /** Laid out as y. */
  readonly residual?: Tensor | undefined;
  /** Laid out as y: y is 0 where this is ≤ 0. */
  readonly mask?: Tensor | undefined;
  /** As productNeeds asks, no two in one buffer. */
  readonly scratch?: readonly Tensor[];
}

/**
 * y = maskpos( relu?( conv(x, w) + bias + residual ) ).
 *
 * @throws EngineError SHAPE_MISMATCH naming conv2d and the tensor that is too small.
 */
export function convForward(target: ConvTarget, g: ConvGeometry, { x, w, y, bias, residual, mask, scratch = [] }: ForwardTensors, { relu }: { readonly relu: boolean }): Step[] {
  const { kernel } = variantOf(target, "forward", g);
  requireElements("conv2d", "x", x, inputElements(g));
  requireNeeds("conv2d", productNeeds(target, "forward", g), g, w, scratch);
  requireElements("conv2d", "y", y, outputElements(g));
  const epilogue = bindEpilogue("conv2d", { bias, residual, mask, relu }, g.k, outputElements(g), x);
  const operands = { flags: epilogue.flags, buffers: [x, w, ...epilogue.buffers, y] };
  switch (kernel) {
    case "grouped": return [groupedForward(g, operands)];
    case "filter-row": return [filterRowForward(g, operands)];
    default: return target.family.kind === "workgroup" ? tiledForward(target.family, kernel, g, operands, scratch) : [implicitGemmSubgroup(target.family.size, forwardPass(g), operands)];
  }
}

export interface GradInputTensors {
  /** [n, oh, ow, K] */
  readonly dy: Tensor;
  /** [kh·kw, C or c/groups, K], or the form that productNeeds asks for. */
  readonly w: Tensor;
  /** [n, h, w, C], written. */
  readonly dx: Tensor;
  /** [C]: for transposed convolutions, whose forward product this is. */
  readonly bias?: Tensor | undefined;
  /** Another gradient to add, laid out as dx. */
  readonly residual?: Tensor | undefined;
  /** Laid out as dx: dx is 0 where this is ≤ 0. It is the ReLU output whose gradient this becomes. */
  readonly mask?: Tensor | undefined;
  /** As productNeeds asks, no two in one buffer. */
  readonly scratch?: readonly Tensor[];
}

/**
 * dx = maskpos( relu?( conv_transpose(dy, w) + bias + residual ) ).
 *
 * @throws EngineError SHAPE_MISMATCH naming conv2d-grad-input and the tensor that is too small.
 */
export function convGradInput(target: ConvTarget, g: ConvGeometry, { dy, w, dx, bias, residual, mask, scratch = [] }: GradInputTensors, { relu = false }: { readonly relu?: boolean } = {}): Step[] {
  const name = "conv2d-grad-input";
  const { kernel } = variantOf(target, "grad-input", g);
  requireElements(name, "dy", dy, outputElements(g));
  requireNeeds(name, productNeeds(target, "grad-input", g), g, w, scratch);
  requireElements(name, "dx", dx, inputElements(g));
  const epilogue = bindEpilogue(name, { bias, residual, mask, relu }, g.c, inputElements(g), dy);
  const operands = { flags: epilogue.flags, buffers: [dy, w, ...epilogue.buffers, dx] };
  switch (kernel) {
    case "grouped": return [groupedGradInput(g, operands)];
    case "filter-row": return [filterRowGradInput(g, operands)];
    case "narrow": return [narrowGradInput(g, operands)];
    case "columns": return gradInputByColumns(target.family, g, operands, scratch[0]!);
    default: return target.family.kind === "workgroup" ? tiledGradInput(target.family, kernel, g, operands, scratch) : gradInputPasses(g).map((pass) => implicitGemm(target.family, pass, operands));
  }
}

/** dy · w, w as columns, then every pixel of dx gathers what reaches it. */
function gradInputByColumns(family: KernelFamily, g: ConvGeometry, { flags, buffers: [dy, w, ...epilogue] }: GemmOperands, columns: Tensor): Step[] {
  const product = forwardPass(linearGeometry(g.n * g.oh * g.ow, pad4(g.k), columnPitch(g)));
  return [
    implicitGemm(family, product, { flags: 0, buffers: [dy!, w!, dy!, dy!, dy!, columns] }),
    gatherColumns(g, { flags, buffers: [columns, ...epilogue] }),
  ];
}

export interface GradWeightTensors {
  /** [n, h, w, C] */
  readonly x: Tensor;
  /** [n, oh, ow, K] */
  readonly dy: Tensor;
  /** [kh·kw, C or c/groups, K], written. */
  readonly dw: Tensor;
  /** As productNeeds asks. */
  readonly scratch?: readonly Tensor[];
}

/**
 * dw = the sum over all output pixels of x · dy, in slices whose cuts depend on the family and the geometry alone.
 *
 * @throws EngineError SHAPE_MISMATCH naming conv2d-grad-weight and the tensor that is too small.
 */
export function convGradWeight(target: ConvTarget, g: ConvGeometry, { x, dy, dw, scratch = [] }: GradWeightTensors): Step[] {
  const name = "conv2d-grad-weight";
  requireElements(name, "x", x, inputElements(g));
  requireElements(name, "dy", dy, outputElements(g));
  requireElements(name, "dw", dw, weightElements(g));
  requireScratch(name, productNeeds(target, "grad-weight", g), scratch, dw);
  const count = slices(target, g);
  if (count === 1) return [gradWeightSlices(target, g, x, dy, dw)];
  return [gradWeightSlices(target, g, x, dy, scratch[0]!), sumSlices(scratch[0]!, dw, { slices: count, n: weightElements(g) })];
}

function implicitGemm(family: KernelFamily, pass: GemmPass, operands: GemmOperands): Step {
  return family.kind === "subgroup" ? implicitGemmSubgroup(family.size, pass, operands) : implicitGemmTiled(pass, operands);
}

function slices(target: ConvTarget, g: ConvGeometry): number {
  const { family } = target;
  const { kernel } = variantOf(target, "grad-weight", g);
  switch (kernel) {
    case "grouped": return groupedSlices(g);
    case "filter-row": return rowSubgroupSlices(g);
    default: return family.kind === "subgroup" ? subgroupSlices(family.size, g) : tiledSlices(g, kernel as WeightTile);
  }
}

function gradWeightSlices(target: ConvTarget, g: ConvGeometry, x: Tensor, dy: Tensor, part: Tensor): Step {
  const { family } = target;
  const { kernel } = variantOf(target, "grad-weight", g);
  switch (kernel) {
    case "grouped": return groupedGradWeight(g, x, dy, part);
    case "filter-row": return weightGradientRow(g, x, dy, part);
    default: return family.kind === "subgroup" ? weightGradientSubgroup(family.size, g, x, dy, part) : weightGradientTiled(g, x, dy, part, kernel as WeightTile);
  }
}
