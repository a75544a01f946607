import { createHash } from "node:crypto";

import type { TrainConfig } from "../../../schema/jobs/run-config.ts";
import { AppError } from "../../common/errors.ts";
import type { Gpu } from "../../engine/gpu/device.ts";
import { elements, type Tensor } from "../../engine/gpu/tensor.ts";
import { pack, unpack } from "../../engine/graph/physical.ts";
import type { NetworkParameters } from "../../engine/plan/parameters.ts";
import type { Dataset } from "../data/dataset.ts";
import { type NamedTensor, readSafetensors, writeSafetensors } from "../models/safetensors.ts";

/**
 * All that training needs to go on after an epoch, as a safetensors file: weights, running statistics, the optimiser's
 * moments. Everything else (order of images, learning rate, random starts) is a function of seed and step.
 */

/** Names that no parameter has: PyTorch's never begin so. */
const SLOT = (i: number, name: string): string => `optimiser.${i}/${name}`;

/** What a checkpoint belongs to: it must not go on under another config, seed or data. */
export function fingerprint(config: TrainConfig, seed: bigint, dataset: Dataset): string {
  return createHash("sha256").update(JSON.stringify(sorted({ config, seed: seed.toString(), data: dataset.contentHash }))).digest("hex");
}

/** Where a training stands. */
export interface Standing {
  /** Epochs finished. */
  readonly epoch: number;
  /** What was measured after the last of them. */
  readonly metrics: Record<string, number | null>;
}

/** @throws AppError DIVERGED when a weight is no longer finite: such a checkpoint would be refused when it is needed. */
export async function saveCheckpoint(gpu: Gpu, parameters: NetworkParameters, { epoch, metrics }: Standing, belongsTo: string): Promise<Uint8Array> {
  const tensors = new Map<string, NamedTensor>(await parameters.save());
  for (const [i, slot] of parameters.slots.entries()) {
    const flat = await gpu.readF32(slot);
    for (const { name, shape, layout, first } of trained(parameters)) tensors.set(SLOT(i, name), { shape, data: unpack(layout, shape, flat.subarray(first)) });
  }
  const bad = [...tensors].find(([, { data }]) => !data.every(Number.isFinite));
  if (bad) throw new AppError("DIVERGED", `training: expected finite values after epoch ${epoch}, got others in ${bad[0]}; lower the learning rate`, { epoch, tensor: bad[0] });
  return writeSafetensors(tensors, { "lorenz.epoch": String(epoch), "lorenz.metrics": JSON.stringify(metrics), "lorenz.fingerprint": belongsTo });
}

/**
 * Restores every bit that saveCheckpoint read.
 *
 * @throws AppError WEIGHTS_CORRUPT when the file is damaged or belongs to another training.
 */
export function loadCheckpoint(gpu: Gpu, parameters: NetworkParameters, bytes: Uint8Array, belongsTo: string): Standing {
  const { tensors, metadata } = readSafetensors(bytes);
  const epoch = Number(metadata["lorenz.epoch"]);
  if (!Number.isSafeInteger(epoch) || epoch < 1) throw corrupt("an epoch", metadata["lorenz.epoch"]);
  if (metadata["lorenz.fingerprint"] !== belongsTo) throw corrupt(`the checkpoint of this config, seed and data set (${belongsTo.slice(0, 12)}…)`, metadata["lorenz.fingerprint"]);
  const slots = parameters.slots.map((slot, i) => readSlot(parameters, slot, (name) => tensors.get(SLOT(i, name)), (name) => SLOT(i, name)));
  parameters.load(new Map([...tensors].filter(([name]) => !name.startsWith("optimiser."))));
  slots.forEach((flat, i) => gpu.write(parameters.slots[i]!, flat));
  return { epoch, metrics: parseMetrics(metadata["lorenz.metrics"]) };
}

function parseMetrics(text: string | undefined): Standing["metrics"] {
  let metrics: unknown;
  try {
    metrics = JSON.parse(text ?? "");
  } catch {
    throw corrupt("metrics", text);
  }
  const numbers = typeof metrics === "object" && metrics !== null && Object.values(metrics).every((v) => v === null || typeof v === "number");
  if (!numbers) throw corrupt("metrics by name", text);
  return metrics as Standing["metrics"];
}

function readSlot(parameters: NetworkParameters, slot: Tensor, get: (name: string) => NamedTensor | undefined, label: (name: string) => string): Float32Array {
  const flat = new Float32Array(elements(slot.shape));
  for (const { name, shape, layout, first } of trained(parameters)) {
    const tensor = get(name);
    if (tensor?.shape.join() !== shape.join()) throw corrupt(`${label(name)} [${shape.join(", ")}]`, tensor ? `[${tensor.shape.join(", ")}]` : "none");
    flat.set(pack(layout, shape, tensor.data), first);
  }
  return flat;
}

function trained({ entries }: NetworkParameters): NetworkParameters["entries"] { return entries.filter(({ leaf }) => leaf.op === "parameter"); }

function corrupt(expected: string, got: unknown): AppError {
  return new AppError("WEIGHTS_CORRUPT", `checkpoint: expected ${expected}, got ${String(got)}; start the training anew`);
}

/** The same value with all keys in one order, so that equal configs have equal text. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)]));
}
