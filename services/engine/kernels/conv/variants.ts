import type { KernelFamily } from "../../gpu/device.ts";
import { pad4 } from "../../graph/layout.ts";
import { isFilterRow } from "./filter-row-subgroup.ts";
import { byColumns, type ConvGeometry, isPointwise, residueClasses } from "./geometry.ts";
import { isNarrow } from "./narrow-grad-input-subgroup.ts";
import { tiledForwardVariants, tiledGradInputVariants, tiledGradWeightVariants, type WorkgroupFamily } from "./tiled-variants.ts";
import { isFilterRowWeight } from "./weight-gradient-row-subgroup.ts";

/** The three products of a convolution or linear layer. */
export type ConvOperation = "forward" | "grad-input" | "grad-weight";

/** Their operands: forward (x, w), grad-input (dy, w), grad-weight (x, dy). */
export type ConvOperand = "x" | "w" | "dy";

/**
 * One way to compute an operation on one family of adapters. All ways agree up to rounding; each has its own fixed order
 * of sums, which depends on the kernel alone. Textures change the speed and no bit.
 */
export interface ConvVariant {
  /** What a run's record and the tuning cache call it: the kernel, then "+operand" for each operand read as a texture. */
  readonly name: string;
  readonly kernel: string;
  /** Operands that it reads from their textures where the tensors have one. */
  readonly textures: readonly ConvOperand[];
}

/** Remembers which variant was the fastest. */
export interface Tuning {
  /** One of `candidates`, or undefined when this shape was never tuned. */
  choose(operation: ConvOperation, g: ConvGeometry, candidates: readonly ConvVariant[]): ConvVariant | undefined;
}

/** What decides between variants: a Gpu is one. */
export interface ConvTarget {
  readonly family: KernelFamily;
  readonly tuning?: Tuning | undefined;
}

/** The variant that the operation runs by: the tuned one, else the documented default, which is the first of its variants. */
export function variantOf({ family, tuning }: ConvTarget, operation: ConvOperation, g: ConvGeometry): ConvVariant {
  const candidates = variantsOf(family, operation, g);
  return tuning?.choose(operation, g, candidates) ?? candidates[0]!;
}

/**
 * The launches that one gradient of an input may take. Far slower kernels do it in one, which is for strides that no known
 * network has: their number must not grow with whatever an imported one says.
 */
const MOST_PASSES = 256;

/**
 * Every variant that this family has for an operation, the default first. Which there are depends on everything but the
 * batch, so that an image's bits do not depend on the batch it lies in.
 */
export function variantsOf(family: KernelFamily, operation: ConvOperation, g: ConvGeometry): readonly ConvVariant[] {
  if (g.groups > 1) return groupedVariants(family, operation);
  if (operation === "grad-input" && family.kind === "subgroup" && family.size === 8 && isNarrow(g)) return [variant("narrow", ["dy"]), variant("narrow"), ...(byColumns(g) ? [variant("columns")] : [])];
  if (operation === "grad-input" && byColumns(g)) return [variant("columns")];
  if (operation === "grad-input" && residueClasses(g) > MOST_PASSES) return groupedVariants(family, operation);
  if (family.kind === "workgroup") return tiledVariants(family, operation, g).map((kernel) => variant(kernel));
  if (family.size === 4) return [variant("implicit-gemm")];       // SwiftShader: a texture is no faster there
  return subgroupVariants(operation, g);
}

function tiledVariants(family: WorkgroupFamily, operation: ConvOperation, g: ConvGeometry): readonly string[] {
  switch (operation) {
    case "forward": return tiledForwardVariants(family, g);
    case "grad-input": return tiledGradInputVariants(family, g);
    case "grad-weight": return tiledGradWeightVariants(g);
  }
}

/** Every pixel is read once per tap, so on lavapipe a copy pays; a weight gradient reads as much of dy as of x, and one of them is enough. */
function groupedVariants(family: KernelFamily, operation: ConvOperation): ConvVariant[] {
  if (family.kind === "workgroup" || family.size === 4) return [variant("grouped")];
  const [left, right] = OPERANDS[operation];
  const textures = operation === "grad-weight" ? [[right], [left, right], []] : [[left, right], [right], []];
  return textures.map((of) => variant("grouped", of));
}

/** Lavapipe reads a vec4 from a texture five times as fast as from a buffer; the copy costs about as much as it saves on one reading. */
function subgroupVariants(operation: ConvOperation, g: ConvGeometry): ConvVariant[] {
  const [left, right] = OPERANDS[operation];
  const wide = pad4(operation === "grad-input" ? g.c : g.k) > 16; // narrower outputs take tiles that read few of their operands
  const both = operation === "grad-input" || (!isPointwise(g) && (operation === "forward" || g.c > 4)); // else x is read too seldom
  const textures = !wide ? [[]] : both ? [[left, right], [right], []] : [[right], [left, right], []];
  const fused = operation === "grad-weight" ? isFilterRowWeight(g) : isFilterRow(g);
  const kernels = wide && fused ? ["filter-row", "implicit-gemm"] : ["implicit-gemm"];
  return kernels.flatMap((kernel) => textures.map((of) => variant(kernel, of)));
}

const OPERANDS = { forward: ["x", "w"], "grad-input": ["dy", "w"], "grad-weight": ["x", "dy"] } as const satisfies Record<ConvOperation, readonly ConvOperand[]>;

function variant(kernel: string, textures: readonly ConvOperand[] = []): ConvVariant {
  return { name: [kernel, ...textures].join("+"), kernel, textures };
}
