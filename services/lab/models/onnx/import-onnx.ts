import type { Warning } from "../../../../schema/jobs/warning.ts";
import type { InputShape } from "../../data/dataset.ts";
import type { Architecture, ModelShape } from "../architecture.ts";
import type { NamedTensor } from "../weights/tensor-file.ts";
import { Budget } from "./budget.ts";
import { volume } from "./constant.ts";
import { unsupported } from "./errors.ts";
import { stripSoftmax } from "./head.ts";
import { ImportedArchitecture } from "./imported-architecture.ts";
import type { OnnxModel } from "./model.ts";
import { readOnnx } from "./read-onnx.ts";
import { foldStatics } from "./statics.ts";
import type { PlacedWeight } from "./walk.ts";
import { weightWarnings } from "./weight-warnings.ts";

export interface ImportOptions {
  /** Needed where the file leaves height, width or channels open. */
  readonly inputShape?: InputShape;
  /** What images in [0, 1] go through first. Default: nothing, the network takes them as they are. */
  readonly normalisation?: { readonly mean: readonly number[]; readonly std: readonly number[] };
  /** Default "ONNX network". */
  readonly title?: string;
}

export interface ImportedNetwork {
  readonly architecture: Architecture;
  readonly shape: ModelShape;
  /** Every parameter and running statistic of the architecture's graph, under the file's names. */
  readonly tensors: ReadonlyMap<string, NamedTensor>;
  /** Operators of the file, most frequent first. */
  readonly operators: readonly { readonly operator: string; readonly count: number }[];
  readonly warnings: readonly Warning[];
}

/**
 * An image classifier from an ONNX file: its graph for any batch size, and its weights.
 *
 * @throws AppError WEIGHTS_CORRUPT when the bytes are no model; MODEL_UNSUPPORTED naming the node, its operator and what
 *   to do, when it is one that Lorenz cannot run or cannot run on batches of any size.
 */
export function importOnnx(bytes: Uint8Array, options: ImportOptions = {}): ImportedNetwork {
  const model = readOnnx(bytes);
  const output = model.outputs[0]!;
  const { nodes, stripped } = stripSoftmax(model.nodes, output);
  const statics = foldStatics({ ...model, input: model.input.name }, nodes, output);
  const inputShape = inputShapeOf(model, options);
  const network = new ImportedArchitecture(options.title ?? "ONNX network", statics, inputShape, model.input.sides[0]);
  const { mean, std } = options.normalisation ?? { mean: new Array<number>(inputShape[0]).fill(0), std: new Array<number>(inputShape[0]).fill(1) };
  if (mean.length !== inputShape[0] || std.length !== inputShape[0]) throw unsupported(undefined, `expected a normalisation of ${inputShape[0]} channels, got ${mean.length} means and ${std.length} standard deviations; give one of each per channel`);
  const { classCount, weights } = network.check({ mean, std });
  return {
    architecture: network,
    shape: { inputShape, classCount, mean, std },
    tensors: tensorsOf(model, weights),
    operators: countOperators(model),
    warnings: [...headWarnings(model, stripped), ...weightWarnings(model, statics, weights)],
  };
}

function inputShapeOf({ input }: OnnxModel, { inputShape }: ImportOptions): InputShape {
  const [, ...sides] = input.sides;
  const resolved = sides.map((side, i) => side ?? inputShape?.[i]);
  if (resolved.some((side) => side === undefined)) throw unsupported(undefined, `input ${input.name}: expected its sides to be known, got [${sides.map((side) => side ?? "?").join(", ")}]; give inputShape [channels, height, width]`);
  if (inputShape && resolved.join() !== inputShape.join()) throw unsupported(undefined, `input ${input.name}: expected [${resolved.join(", ")}], which the file fixes, got inputShape [${inputShape.join(", ")}]; leave it out or export the model for that size`);
  if (resolved.some((side) => side! > MAX_SIDE)) throw unsupported(undefined, `input ${input.name}: expected sides up to ${MAX_SIDE}, got [${resolved.join(", ")}]; use smaller images`);
  if (resolved[0] !== 1 && resolved[0] !== 3) throw unsupported(undefined, `input ${input.name}: expected 1 or 3 channels, got ${resolved[0]}; export a model of grey or RGB images, channels first`);
  return resolved as unknown as InputShape;
}

/** Sides of images that the API takes too. */
const MAX_SIDE = 1024;

/** Copies of weights in several forms are rare and few; a file can ask for any number. */
const MAX_COPIES = 4;

function tensorsOf({ initialisers }: OnnxModel, weights: ReadonlyMap<string, PlacedWeight>): Map<string, NamedTensor> {
  const budget = new Budget(MAX_COPIES * [...initialisers.values()].reduce((sum, { data }) => sum + data.length, 0), "weights, counting copies in other forms");
  return new Map([...weights].map(([name, weight]) => {
    budget.take(volume(weight.form.shape), undefined);
    return [name, tensorOf(weight)];
  }));
}

function tensorOf({ tensor: { data }, form: { shape, arranged } }: PlacedWeight): NamedTensor {
  return { shape, data: arranged ? arranged.values(data) : data instanceof Float32Array ? data : Float32Array.from(data) };
}

function countOperators({ nodes }: OnnxModel): { operator: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const { op } of nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
  return [...counts].map(([operator, count]) => ({ operator, count })).sort((a, b) => b.count - a.count || (a.operator < b.operator ? -1 : 1));
}

function headWarnings({ outputs, input }: OnnxModel, stripped: string | undefined): Warning[] {
  return [
    ...(stripped ? [{ code: "SOFTMAX_HEAD", message: `The network ends in ${stripped}: it was taken out, its scores are the logits before it.` }] : []),
    ...(outputs.length > 1 ? [{ code: "SEVERAL_OUTPUTS", message: `The network has ${outputs.length} outputs: the first, ${outputs[0]!.slice(0, 120)}, is taken as the class scores.` }] : []),
    ...(input.sides[0] !== undefined ? [{ code: "FIXED_BATCH", message: `The network was exported for ${input.sides[0]} image${input.sides[0] === 1 ? "" : "s"} at a time; batches of other sizes were derived from that.` }] : []),
  ];
}
