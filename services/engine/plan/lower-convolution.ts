import type { ConvGeometry } from "../kernels/conv/geometry.ts";
import { biasGradient, biasScratchElements } from "../kernels/conv/column-sums.ts";
import { convForward, convGradInput, convGradWeight, productNeeds } from "../kernels/conv/convolution.ts";
import { foldBatchNorm } from "../kernels/norm/fold-batch-norm.ts";
import { type ConvOperand, type ConvOperation, variantOf } from "../kernels/conv/variants.ts";
import { elements, type Tensor } from "../gpu/tensor.ts";
import { productGeometry } from "../graph/geometry.ts";
import type { Shape, Value } from "../graph/graph.ts";
import type { ConvolutionOperation } from "../graph/operations/convolution.ts";
import type { Chain } from "./fuse.ts";
import { at, type Lowering, type LoweringRules, withTexture } from "./lowering.ts";
import { Block, type BlockTexture } from "./memory.ts";

/** Convolutions, linear layers and their gradients; chains end in `value`. */
export const convolutionRules: LoweringRules<ConvolutionOperation> = {
  conv2d: forward, linear: forward,
  conv2dGradInput: gradInput, convTranspose2d: gradInput, linearGradInput: gradInput,
  conv2dGradWeight: gradWeight, linearGradWeight: gradWeight,
  biasGrad, foldWeight,
  foldBias: () => undefined, // written together with its weight
};

function forward(lowering: Lowering, final: Value): void {
  const { base, residual, relu, mask } = chainOf(lowering, final);
  const [x, , bias] = lowering.node(base).inputs.map((input) => lowering.block(input)) as [Block, Block, Block?];
  const added = residual === undefined ? undefined : lowering.block(residual);
  const masked = mask === undefined ? undefined : lowering.block(mask);
  const y = lowering.define(final);
  const g = geometryOf(lowering, base, lowering.node(base).inputs[0]!, lowering.node(base).inputs[1]!);
  const w = prepared(lowering, "forward", g, lowering.node(base).inputs[1]!);
  const scratch = lowering.scratch(y.label, ...productNeeds(lowering.input.gpu, "forward", g).scratch);
  const operands = operandsOf(lowering, "forward", g, { x, w });
  lowering.emit(`forward ${base}`, { reads: present(x, w, bias, added, masked), writes: [y], scratch, textures: operands.textures }, () =>
    convForward(lowering.input.gpu, g, { x: operands.at("x"), w: operands.at("w"), y: at(y), bias: bias && at(bias), residual: added && at(added), mask: masked && at(masked), scratch: scratch.map(at) }, { relu }));
}

/** A gradient, or a transposed convolution: then with bias and ReLU instead of a mask. */
function gradInput(lowering: Lowering, final: Value): void {
  const { base, residual, relu, mask } = chainOf(lowering, final);
  const [dyValue, wValue, biasValue] = lowering.node(base).inputs as [Value, Value, Value?];
  const g = geometryOf(lowering, base, base, wValue);
  const dy = lowering.block(dyValue);
  const bias = biasValue === undefined ? undefined : lowering.block(biasValue);
  const w = prepared(lowering, "grad-input", g, wValue);
  const added = residual === undefined ? undefined : lowering.block(residual);
  const masked = mask === undefined ? undefined : lowering.block(mask);
  const dx = lowering.define(final);
  const scratch = lowering.scratch(dx.label, ...productNeeds(lowering.input.gpu, "grad-input", g).scratch);
  const operands = operandsOf(lowering, "grad-input", g, { dy, w });
  lowering.emit(`grad input ${base}`, { reads: present(dy, w, bias, added, masked), writes: [dx], scratch, textures: operands.textures }, () =>
    convGradInput(lowering.input.gpu, g, { dy: operands.at("dy"), w: operands.at("w"), dx: at(dx), bias: bias && at(bias), residual: added && at(added), mask: masked && at(masked), scratch: scratch.map(at) }, { relu }));
}

function gradWeight(lowering: Lowering, value: Value): void {
  const { gpu } = lowering.input;
  const [xValue, dyValue] = lowering.node(value).inputs as [Value, Value];
  const g = geometryOf(lowering, value, xValue, value);
  const [x, dy] = [lowering.block(xValue), lowering.block(dyValue)];
  const dw = lowering.define(value);
  const scratch = lowering.scratch(dw.label, ...productNeeds(gpu, "grad-weight", g).scratch);
  const operands = operandsOf(lowering, "grad-weight", g, { x, dy });
  lowering.emit(`grad weight ${value}`, { reads: [x, dy], writes: [dw], scratch, textures: operands.textures }, () =>
    convGradWeight(gpu, g, { x: operands.at("x"), dy: operands.at("dy"), dw: at(dw), scratch: scratch.map(at) }));
}

/** The operands as the variant of the operation reads them: with a texture where it wants one and there is room. */
function operandsOf(lowering: Lowering, operation: ConvOperation, g: ConvGeometry, blocks: Partial<Record<ConvOperand, Block>>): { textures: BlockTexture[]; at(operand: ConvOperand): Tensor } {
  const textures = new Map<ConvOperand, BlockTexture>();
  for (const operand of variantOf(lowering.input.gpu, operation, g).textures) {
    const texture = lowering.texture(blocks[operand]!);
    if (texture) textures.set(operand, texture);
  }
  return {
    textures: [...textures.values()],
    at: (operand) => (textures.has(operand) ? withTexture(blocks[operand]!, textures.get(operand)!) : at(blocks[operand]!)),
  };
}

/** Also the gradient of a batch norm's beta, where that is all one wants of it. */
export function biasGrad(lowering: Lowering, value: Value): void {
  const [dyValue] = lowering.node(value).inputs as [Value];
  const dy = lowering.block(dyValue);
  const db = lowering.define(value);
  const size = { rows: rowsOf(lowering.shape(dyValue)), k: lowering.shape(value)[0]! };
  const scratch = lowering.scratch(db.label, biasScratchElements(size.rows, size.k));
  lowering.emit(`grad bias ${value}`, { reads: [dy], writes: [db], scratch }, () => biasGradient(at(dy), at(db), size, scratch[0] && at(scratch[0])));
}

/** Weight and bias of one folded convolution come from one dispatch; parameters and running statistics are all it reads. */
function foldWeight(lowering: Lowering, value: Value): void {
  const { graph } = lowering.input;
  const conv = graph.nodes.find(({ operation, inputs }) => operation.op === "conv2d" && inputs[1] === value)!;
  const shift = conv.inputs[2]!;
  const { epsilon } = lowering.node<"foldWeight">(value).operation;
  const w = lowering.block(lowering.node(value).inputs[0]!);
  const [gamma, beta, mean, variance, bias] = lowering.node(shift).inputs.map((input) => lowering.block(input)) as [Block, Block, Block, Block, Block?];
  const [wFolded, biasFolded] = [lowering.define(value), lowering.define(shift)];
  const [k] = lowering.shape(value) as [number];
  lowering.emit(`fold ${value}`, { reads: present(w, gamma, beta, mean, variance, bias), writes: [wFolded, biasFolded] }, () => foldBatchNorm(
    { w: at(w), bias: bias && at(bias), gamma: at(gamma), beta: at(beta), mean: at(mean), variance: at(variance), wFolded: at(wFolded), biasFolded: at(biasFolded) },
    { rows: elements(wFolded.shape) / wFolded.shape.at(-1)!, k, epsilon },
  ), "prologue");
}

/** The weight as the variant reads it; made once per change of the parameters, however many of the plan's nodes read it. */
function prepared(lowering: Lowering, operation: "forward" | "grad-input", g: ConvGeometry, weight: Value): Block {
  const w = lowering.block(weight);
  const own = productNeeds(lowering.input.gpu, operation, g).weight;
  if (!own) return w;
  return lowering.once(`prepared ${operation} ${weight}`, () => {
    const made = new Block(`${w.label} for ${operation}`, [own.elements]);
    const scratch = lowering.scratch(made.label, ...own.scratch);
    lowering.emit(`prepare ${weight}`, { reads: [w], writes: [made], scratch }, () => own.prepare(at(w), at(made), scratch.map(at)), "prologue");
    return made;
  });
}

function geometryOf({ input: { graph, layouts } }: Lowering, node: Value, x: Value, weight: Value): ConvGeometry { return productGeometry(graph, layouts, node, x, weight); }

function chainOf(lowering: Lowering, final: Value): Chain { return lowering.input.fusion.chains.get(final)!; }

/** Rows of a matrix whose columns are the channels: pixels of the batch, or images. */
export function rowsOf([n, , ...sides]: Shape): number { return n! * elements(sides); }

export function present(...blocks: readonly (Block | undefined)[]): Block[] { return blocks.filter((block) => block !== undefined); }
