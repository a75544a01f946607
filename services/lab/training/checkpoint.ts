import { createHash } from "node:crypto";

import type { TrainConfig } from "../../../schema/jobs/run-config.ts";
import { AppError } from "../../common/errors.ts";
import type { NetworkParameters } from "../../engine/plan/parameters.ts";
import type { Dataset } from "../data/dataset.ts";
import { readSafetensors, writeSafetensors } from "../models/weights/safetensors.ts";
import type { NamedTensor } from "../models/weights/tensor-file.ts";

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
export async function saveCheckpoint(parameters: NetworkParameters, { epoch, metrics }: Standing, belongsTo: string): Promise<Uint8Array> {
  const tensors = new Map<string, NamedTensor>(await parameters.save());
  for (const i of parameters.slots.keys()) for (const [name, tensor] of await parameters.saveSlot(i)) tensors.set(SLOT(i, name), tensor);
  const bad = [...tensors].find(([, { data }]) => !data.every(Number.isFinite));
  if (bad) throw new AppError("DIVERGED", `training: expected finite values after epoch ${epoch}, got others in ${bad[0]}; lower the learning rate`, { epoch, tensor: bad[0] });
  return writeSafetensors(tensors, { "lorenz.epoch": String(epoch), "lorenz.metrics": JSON.stringify(metrics), "lorenz.fingerprint": belongsTo });
}

/**
 * Restores every bit that saveCheckpoint read.
 *
 * @throws AppError WEIGHTS_CORRUPT when the file is damaged or belongs to another training.
 */
export function loadCheckpoint(parameters: NetworkParameters, bytes: Uint8Array, belongsTo: string): Standing {
  const { tensors, metadata } = readSafetensors(bytes);
  const epoch = Number(metadata["lorenz.epoch"]);
  if (!Number.isSafeInteger(epoch) || epoch < 1) throw corrupt("an epoch", metadata["lorenz.epoch"]);
  if (metadata["lorenz.fingerprint"] !== belongsTo) throw corrupt(`the checkpoint of this config, seed and data set (${belongsTo.slice(0, 12)}…)`, metadata["lorenz.fingerprint"]);
  const slots = parameters.slots.map((_, i) => slotOf(parameters, i, tensors));
  parameters.load(new Map([...tensors].filter(([name]) => !name.startsWith("optimiser."))));
  slots.forEach((slot, i) => { parameters.loadSlot(i, slot); });
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

/** Slot i's tensors by the names of their parameters. */
function slotOf(parameters: NetworkParameters, i: number, tensors: ReadonlyMap<string, NamedTensor>): Map<string, NamedTensor> {
  const trained = parameters.entries.filter(({ leaf }) => leaf.op === "parameter");
  return new Map(trained.map(({ name, shape }) => {
    const tensor = tensors.get(SLOT(i, name));
    if (tensor?.shape.join() !== shape.join()) throw corrupt(`${SLOT(i, name)} [${shape.join(", ")}]`, tensor ? `[${tensor.shape.join(", ")}]` : "none");
    return [name, tensor];
  }));
}

function corrupt(expected: string, got: unknown): AppError {
  return new AppError("WEIGHTS_CORRUPT", `checkpoint: expected ${expected}, got ${String(got)}; start the training anew`);
}

/** The same value with all keys in one order, so that equal configs have equal text. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)]));
}
