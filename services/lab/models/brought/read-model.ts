import type { ImportedModel } from "../../../../schema/jobs/results.ts";
import type { ImportModelConfig } from "../../../../schema/jobs/run-config.ts";
import type { Warning } from "../../../../schema/jobs/warning.ts";
import { AppError } from "../../../common/errors.ts";
import type { Graph, Shape } from "../../../engine/graph/graph.ts";
import { type Architecture, forwardGraph, type ModelShape } from "../architecture.ts";
import { architectureNamed } from "../architectures.ts";
import { importOnnx } from "../onnx/import-onnx.ts";
import { type NetworkSummary, summarise } from "../summary.ts";
import { matchStateDict } from "../weights/match-state-dict.ts";
import { readStateDict, type StateDict } from "../weights/state-dict.ts";
import type { NamedTensor } from "../weights/tensor-file.ts";

/** A network that somebody brought, read but not on a device yet. */
export interface BroughtModel {
  readonly format: ImportedModel["format"];
  readonly architecture: Architecture;
  readonly shape: ModelShape;
  /** Exactly the architecture's tensors. */
  readonly tensors: ReadonlyMap<string, NamedTensor>;
  /** Operators as the file names them, or else as the graph does. */
  readonly summary: NetworkSummary;
  readonly warnings: readonly Warning[];
}

export type Description = Pick<ImportModelConfig, "from" | "inputShape" | "classCount" | "normalisation">;

/**
 * Reads weights of any supported format for the architecture that they are said to be of, or a whole ONNX network.
 *
 * @throws AppError WEIGHTS_CORRUPT, WEIGHTS_UNSUPPORTED, MODEL_MISMATCH, MODEL_UNSUPPORTED, INVALID_INPUT.
 */
export async function readModel(bytes: Uint8Array, description: Description): Promise<BroughtModel> {
  const { from } = description;
  const model = from.kind === "onnx" ? readNetwork(bytes, description) : await readWeights(bytes, from.architecture, description);
  const { operators, ...rest } = model;
  const summary = summarise(forwardGraph(model.architecture, model.shape, 1).graph);
  return { ...rest, summary: operators ? { ...summary, operators } : summary, warnings: [...model.warnings, ...rangeWarnings(model.shape)] };
}

/** `operators`: only where the file has names of its own. */
type Read = Omit<BroughtModel, "summary"> & { readonly operators?: NetworkSummary["operators"] };

function readNetwork(bytes: Uint8Array, { inputShape, classCount, normalisation }: Description): Read {
  const { architecture, shape, tensors, operators, warnings } = importOnnx(bytes, { ...(inputShape && { inputShape }), ...(normalisation && { normalisation }) });
  if (classCount !== undefined && classCount !== shape.classCount) throw new AppError("MODEL_MISMATCH", `onnx: expected ${classCount} classes, as the request says, got ${shape.classCount}; leave the number out, or name the network's own classes`, { expected: classCount, got: shape.classCount });
  return { format: "onnx", architecture, shape, tensors, operators: [...operators], warnings: [...warnings, ...assumed(normalisation)] };
}

async function readWeights(bytes: Uint8Array, name: string, { inputShape, classCount, normalisation: given }: Description): Promise<Read> {
  if (!inputShape || classCount === undefined) throw new AppError("INVALID_INPUT", "import: expected inputShape and the number of classes beside a state dict, got none", { field: "inputShape" });
  const { unused, ...architecture } = architectureNamed(name);
  const file = await readStateDict(bytes);
  const [zeros, ones] = [0, 1].map((value) => new Array<number>(inputShape[0]).fill(value)) as [number[], number[]];
  // Shapes of tensors do not depend on the normalisation, which the file may bring.
  const expected = shapesIn(forwardGraph(architecture, { inputShape, classCount, mean: zeros, std: ones }, 1).graph);
  const needed = unused ? new Map([...file.tensors].filter(([tensor]) => !unused.test(tensor))) : file.tensors;
  const { tensors, normalisation: stored } = matchStateDict(needed, expected);
  const { mean, std, warnings } = chooseNormalisation(given, stored, inputShape[0]);
  return {
    format: file.format === "safetensors" ? "safetensors" : "pytorch",
    architecture, shape: { inputShape, classCount, mean, std }, tensors,
    warnings: [...warnings, ...otherWeights(file), ...brokenWeights(tensors)],
  };
}

function shapesIn({ nodes }: Graph): Map<string, Shape> {
  return new Map(nodes.flatMap(({ operation, shape }): [string, Shape][] => (operation.op === "parameter" || operation.op === "state" ? [[operation.name, shape]] : [])));
}

type Normalisation = Pick<ModelShape, "mean" | "std">;

/** What the caller says wins over what the file says, and that over what the data set suggests. */
function chooseNormalisation(given: Description["normalisation"], stored: Normalisation | undefined, channels: number): Normalisation & { warnings: Warning[] } {
  const chosen = given && (given.from === "given" || !stored) ? given : stored;
  if (!chosen) throw new AppError("INVALID_INPUT", "import: expected a normalisation (mean and std), in the request or in the file, got none; give 0 and 1 for a network that takes images in [0, 1] as they are", { field: "normalisation" });
  if (chosen.mean.length !== channels) throw new AppError("MODEL_MISMATCH", `import: expected a normalisation of ${channels} channels, got ${chosen.mean.length}; give one mean and std per channel`, { channels });
  const differs = given && stored && [...given.mean, ...given.std].some((value, i) => Math.abs(value - [...stored.mean, ...stored.std][i]!) > 1e-3);
  const used = chosen === given ? "the request's" : "the file's";
  return {
    mean: [...chosen.mean], std: [...chosen.std],
    warnings: !stored ? assumed(given) : differs ? [{ code: "NORMALISATION_DIFFERS", message: `The file says mean ${list(stored.mean)} and std ${list(stored.std)}, the ${given.from === "given" ? "request" : "data set"} says ${list(given.mean)} and ${list(given.std)}: ${used} is used.` }] : [],
  };
}

/** A guess that no number shows to be wrong but the accuracy; an ONNX network may even have it inside already. */
function assumed(given: Description["normalisation"]): Warning[] {
  if (given?.from !== "dataset") return [];
  return [{ code: "NORMALISATION_ASSUMED", message: `Neither the request nor the file says how images are normalised: the data set's mean ${list(given.mean)} and std ${list(given.std)} are used. Give the network's own, or 0 and 1 when it normalises itself.` }];
}

/** Such as averaged weights beside the last ones: only their accuracy tells which of them was published. */
function otherWeights({ path, others }: StateDict): Warning[] {
  return others.length === 0 ? [] : [{ code: "SEVERAL_WEIGHTS", message: `The file holds several sets of weights: ${path.join(".")} was taken, ${others.join(", ")} left. To use another, save it by itself.` }];
}

function brokenWeights(tensors: ReadonlyMap<string, NamedTensor>): Warning[] {
  const names = [...tensors].filter(([, { data }]) => !data.every(Number.isFinite)).map(([name]) => name);
  return names.length === 0 ? [] : [{ code: "NAN_WEIGHTS", message: `${names.length} tensors hold NaN or infinite numbers: ${names.slice(0, 5).join(", ")}${names.length > 5 ? ", …" : ""}.` }];
}

/** No channel of images in [0, 1] has a mean outside it, or deviates by more than 1 or by less than a grey level. */
function rangeWarnings({ mean, std }: ModelShape): Warning[] {
  const odd = mean.some((value) => value < -0.5 || value > 1.5) || std.some((value) => value > 2 || value < 1 / 64);
  return odd ? [{ code: "INPUT_RANGE", message: `Mean ${list(mean)} and std ${list(std)} do not fit images in [0, 1], which is what every network gets here: were they made for 0 … 255? Divide them by 255.` }] : [];
}

function list(values: readonly number[]): string { return `[${values.map((value) => Number(value.toPrecision(5))).join(", ")}]`; }
