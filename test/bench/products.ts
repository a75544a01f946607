import type { Gpu, Scope } from "../../services/engine/gpu/device.ts";
import type { Step } from "../../services/engine/gpu/kernel.ts";
import { toTexture } from "../../services/engine/gpu/program.ts";
import type { Tensor } from "../../services/engine/gpu/tensor.ts";
import { convForward, convGradInput, convGradWeight, productNeeds } from "../../services/engine/kernels/conv/convolution.ts";
import { type ConvGeometry, inputElements, outputElements, weightElements } from "../../services/engine/kernels/conv/geometry.ts";
import { type ConvOperand, type ConvOperation, variantOf } from "../../services/engine/kernels/conv/variants.ts";

/** What the three products of one convolution or linear layer read and write; physical layouts (graph/layout.ts). */
export interface ProductTensors extends Readonly<Record<ConvOperand, Tensor>> {
  /** The weight in the form that the variant of each operation reads: `w` itself, or made from it by `prepareWeights`. */
  readonly weights: Readonly<Record<WeightReader, Tensor>>;
  readonly y: Tensor;
  readonly dx: Tensor;
  readonly dw: Tensor;
  readonly scratch: readonly Tensor[];
}

type WeightReader = Exclude<ConvOperation, "grad-weight">;

export type MakeTensor = (label: string, shape: readonly number[]) => Tensor;

/** @param operand makes x, w and dy; all else is zero at first. */
export function productTensors(gpu: Gpu, scope: Scope, name: string, g: ConvGeometry, operand: MakeTensor): ProductTensors {
  const [x, w, dy] = [operand(`${name} x`, [inputElements(g)]), operand(`${name} w`, [weightElements(g)]), operand(`${name} dy`, [outputElements(g)])];
  const made = (label: string, elements: number): Tensor => scope.tensor(`${name} ${label}`, [elements]);
  const weightFor = (operation: WeightReader): Tensor => {
    const own = productNeeds(gpu, operation, g).weight;
    return own ? made(`w for ${operation}`, own.elements) : w;
  };
  return {
    x, w, dy, weights: { forward: weightFor("forward"), "grad-input": weightFor("grad-input") },
    y: made("y", outputElements(g)), dx: made("dx", inputElements(g)), dw: made("dw", weightElements(g)),
    scratch: scratchOf(gpu, g).map((elements, i) => made(`scratch ${i}`, elements)),
  };
}

/** Elements of each scratch tensor that serves all three products. */
function scratchOf(gpu: Gpu, g: ConvGeometry): number[] {
  const all = (["forward", "grad-input", "grad-weight"] as const).map((operation) => productNeeds(gpu, operation, g).scratch);
  return Array.from({ length: Math.max(...all.map(({ length }) => length)) }, (_, i) => Math.max(...all.map((counts) => counts[i] ?? 0)));
}

/** Done once per change of the weight, so no part of what is timed. */
export function prepareWeights(gpu: Gpu, scope: Scope, g: ConvGeometry, { w, weights }: ProductTensors): Step[] {
  return (["forward", "grad-input"] as const).flatMap((operation) => {
    const own = productNeeds(gpu, operation, g).weight;
    return own ? own.prepare(w, weights[operation], own.scratch.map((elements) => scope.tensor("scratch of a weight", [elements]))) : [];
  });
}

/** Each product from buffer to buffer, by the variant that the engine takes for it: where that reads textures, filling them is part of the work. */
export function productSteps(gpu: Gpu, scope: Scope, g: ConvGeometry, { x, dy, weights, y, dx, dw, scratch }: ProductTensors): Record<ConvOperation, Step[]> {
  const textured = (operation: ConvOperation, operands: Partial<Record<ConvOperand, Tensor>>, product: (at: (operand: ConvOperand) => Tensor) => Step[]): Step[] => {
    const copies: Step[] = [];
    const seen = { ...operands };
    for (const operand of variantOf(gpu, operation, g).textures) {
      const tensor = operands[operand]!;
      const withTexture = { ...tensor, texture: scope.texture(tensor.label, tensor.bytes) };
      seen[operand] = withTexture;
      copies.push(toTexture(withTexture));
    }
    return [...copies, ...product((operand) => seen[operand]!)];
  };
  return {
    forward: textured("forward", { x, w: weights.forward }, (at) => convForward(gpu, g, { x: at("x"), w: at("w"), y, scratch }, { relu: false })),
    "grad-input": textured("grad-input", { dy, w: weights["grad-input"] }, (at) => convGradInput(gpu, g, { dy: at("dy"), w: at("w"), dx, scratch })),
    "grad-weight": textured("grad-weight", { x, dy }, (at) => convGradWeight(gpu, g, { x: at("x"), dy: at("dy"), dw, scratch })),
  };
}

/** Operations of one product: 2 per multiply-add, in logical channels. */
export function productFlop(g: ConvGeometry): number { return 2 * g.n * g.oh * g.ow * g.k * (g.c / g.groups) * g.kh * g.kw; }
