import { AppError } from "../../common/errors.ts";
import type { Scope } from "../../engine/gpu/device.ts";
import { NetworkParameters, type ParameterOptions } from "../../engine/plan/parameters.ts";
import type { Dataset } from "../data/dataset.ts";
import { type Architecture, forwardGraph, type ModelShape } from "./architecture.ts";
import { readSafetensors, writeSafetensors } from "./weights/safetensors.ts";

/** An architecture with weights on the device. The scope that it was made in owns the weights. */
export interface Network extends ModelShape {
  readonly architecture: Architecture;
  readonly parameters: NetworkParameters;
}

/** All weights are 0 until `parameters.initialise` or `loadWeights`. @throws EngineError OUT_OF_MEMORY. */
export function makeNetwork(scope: Scope, architecture: Architecture, shape: ModelShape, options: ParameterOptions = {}): Network {
  const { graph } = forwardGraph(architecture, shape, 1);
  return { ...shape, architecture, parameters: new NetworkParameters(scope, graph, options) };
}

/** @param bytes a safetensors file with exactly the network's tensors. @throws AppError WEIGHTS_CORRUPT; then nothing was changed. */
export function loadWeights(network: Network, bytes: Uint8Array): void {
  network.parameters.load(readSafetensors(bytes).tensors);
}

/** Parameters and running statistics as a safetensors file; loading it restores every bit. */
export async function saveWeights(network: Network, metadata: Readonly<Record<string, string>> = {}): Promise<Uint8Array> {
  return writeSafetensors(await network.parameters.save(), metadata);
}

/** @throws AppError DATASET_MISMATCH unless the network takes the data set's images and tells its classes apart. */
export function requireFit(network: ModelShape, dataset: Dataset): void {
  const [ours, theirs] = [network, { inputShape: dataset.inputShape, classCount: dataset.classes.length }]
    .map(({ inputShape, classCount }) => `${inputShape.join("×")} images of ${classCount} classes`);
  if (ours !== theirs) throw new AppError("DATASET_MISMATCH", `model: expected ${ours}, got ${theirs} (${dataset.name})`, { model: ours, dataset: theirs });
}
