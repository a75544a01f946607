import type { TrainConfig } from "../../../schema/jobs/run-config.ts";
import { AppError } from "../../common/errors.ts";
import { subPixels } from "../data/dataset.ts";
import { forwardGraph } from "../models/architecture.ts";
import { measureLossGradient } from "../models/compiled.ts";
import type { Network } from "../models/network.ts";
import type { Session } from "../session.ts";
import { measureUpdate } from "./update.ts";

/** Memory that the passes of an update may take before the batch is cut. What cannot be cut may take more. */
const UPDATE_BYTES = 2 * 2 ** 30;

/** Images [first, first + count) of a batch. */
export interface BatchPart { readonly first: number; readonly count: number }

/** Cuts a batch into as few parts of at most `most` images as possible, of two sizes at most. */
export function batchParts(batchSize: number, most: number): BatchPart[] {
  const parts = Math.ceil(batchSize / most);
  const bound = (i: number): number => Math.floor((i * batchSize) / parts);
  return Array.from({ length: parts }, (_, i) => ({ first: bound(i), count: bound(i + 1) - bound(i) }));
}

/**
 * Images of a batch that go through the network at a time. All of them, where they fit. Otherwise fewer, whose gradients add
 * up to the batch's: exact but for the order of the sums, so a run's last bits depend on the adapter's limits, as they do
 * on its kernels.
 *
 * A network with batch norm is not cut: the statistics are the whole batch's.
 *
 * @returns at least 1, which the compiler refuses, naming the tensor, if even that does not fit.
 * @throws AppError INVALID_INPUT with the largest batch that fits, for a network with batch norm.
 */
export function trainingRows(session: Session, network: Network, { batchSize, adversary }: Pick<TrainConfig, "batchSize" | "adversary">): number {
  const whole = normalisesBatches(network);
  const limit = session.gpu.tensorLimit;
  const fits = (rows: number): boolean => {
    const { bytes, largest } = sizeOf(session, network, rows, adversary !== undefined);
    return largest.bytes <= limit && (whole || bytes <= UPDATE_BYTES);
  };
  if (fits(batchSize)) return batchSize;
  const most = mostThat(fits, batchSize);
  if (whole && most > 0) throw tooLarge(network, batchSize, most, sizeOf(session, network, batchSize, adversary !== undefined).largest, limit);
  return Math.max(1, most);
}

/** The largest number below `beyond` that fits, when all below it do; 0 when none does. */
function mostThat(fits: (rows: number) => boolean, beyond: number): number {
  let [low, high] = [0, beyond];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

interface Size { readonly bytes: number; readonly largest: { readonly label: string; readonly shape: readonly number[]; readonly bytes: number } }

/** Measures and forgets: inputs are all that the device is asked for meanwhile. */
function sizeOf(session: Session, network: Network, rows: number, attacked: boolean): Size {
  const image = { label: "image", shape: [rows, subPixels(network.inputShape)], bytes: 4 * rows * subPixels(network.inputShape) };
  if (image.bytes > session.gpu.tensorLimit) return { bytes: image.bytes, largest: image };
  const probe = session.child();
  try {
    const inputs = [probe.scope.tensor("image", image.shape), probe.scope.tensor("labels", [rows], "u32")] as const;
    const sizes: Size[] = [measureUpdate(probe, network, ...inputs), ...(attacked ? [measureLossGradient(probe, network, ...inputs)] : [])];
    return { bytes: Math.max(...sizes.map(({ bytes }) => bytes)), largest: [image, ...sizes.map(({ largest }) => largest)].reduce((a, b) => (b.bytes > a.bytes ? b : a)) };
  } finally { probe.dispose(); }
}

function normalisesBatches(network: Network): boolean {
  return forwardGraph(network.architecture, network, 1).graph.nodes.some(({ operation: { op } }) => op === "batchNorm");
}

function tooLarge({ architecture: { title } }: Network, batchSize: number, most: number, { label, shape, bytes }: Size["largest"], limit: number): AppError {
  return new AppError("INVALID_INPUT", `training: expected a batchSize whose tensors fit the ${limit} bytes that the adapter binds at once, got ${batchSize}: ${label} [${shape.join(", ")}] takes ${bytes}; ${title} has batch norm, whose statistics need the whole batch: use at most ${most}`, { field: "batchSize", most });
}
