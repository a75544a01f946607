import { flopsOfImage } from "../engine/plan/flops.ts";
import { forwardGraph } from "./models/architecture.ts";
import { measureForward, measureLossGradient } from "./models/compiled.ts";
import type { Network } from "./models/network.ts";
import { subPixels } from "./data/dataset.ts";
import type { Session } from "./session.ts";

/** What a launch of a network asks of the device. */
export interface LaunchCost {
  /** Multiply-adds of each row (one image, or one perturbed version of it). */
  readonly macsPerRow: number;
  /** Bytes of the compiled plan and its input for each row, and for weights made ready, whatever the rows. */
  readonly bytesPerRow: number;
  readonly fixedBytes: number;
  /** Bytes for each row of the largest tensor; 0 where that is one of weights. */
  readonly largestPerRow: number;
}

export interface AdapterLimits {
  readonly software: boolean;
  /** Bytes of one tensor. */
  readonly tensorLimit: number;
}

/** Memory that a launch may take; software adapters share the machine's. */
const LAUNCH_BYTES = 512 * 2 ** 20;

/**
 * When a launch is long enough that starting it, and filling the device at its end, no longer shows. Measured on lavapipe
 * with two cores, per row of a gradient pass: tiny-cnn (1.2 million multiply-adds) 0.31 ms with 4 rows, 0.13 with 64, 0.12
 * with 128 and more; small-cnn (33 million) 3.2 ms with 4, 2.2 from 32 on. GPUs: an estimate, not measured.
 */
const FULL_LAUNCH = {
  software: { macs: 0.3e9, fewest: 64, most: 512 },
  gpu: { macs: 10e9, fewest: 256, most: 4096 },
} as const;

/**
 * How many rows one launch should have at most: as many as are efficient, no more than fit into the memory budget and whose
 * tensors fit into the adapter's buffers. At least 1, which the compiler refuses, naming the tensor, if even that does not
 * fit. No result depends on it.
 */
export function mostRows({ macsPerRow, bytesPerRow, fixedBytes, largestPerRow }: LaunchCost, { software, tensorLimit }: AdapterLimits): number {
  const { macs, fewest, most } = FULL_LAUNCH[software ? "software" : "gpu"];
  const efficient = Math.min(most, Math.max(fewest, Math.ceil(macs / Math.max(1, macsPerRow))));
  return Math.max(1, Math.min(efficient, Math.floor((LAUNCH_BYTES - fixedBytes) / bytesPerRow), Math.floor(tensorLimit / largestPerRow)));
}

/** Cuts `total` into as few parts of at most `most` as possible. @returns the size of the largest when they are as equal as can be; at least 1. */
export function evenly(total: number, most: number): number { return Math.max(1, Math.ceil(total / Math.max(1, Math.ceil(total / most)))); }

/** Two sizes at which a plan is measured to see what a row takes; the smaller ones for images so large that eight of them exceed a buffer. */
const PROBES = [[4, 8], [1, 2]] as const;

/** `mostRows` of a network's forward pass, or of its gradient with respect to the image; or less, when the session says so. */
export function launchRows(session: Session, network: Network, pass: "forward" | "gradient"): Promise<number> {
  return session.cached(network, `rows ${pass}`, async () => {
    const { gpu: { adapter: { software }, tensorLimit }, maxRows } = session;
    const size = (rows: number): LaunchSize => sizeOf(session, network, pass, rows);
    const probes = PROBES.find(([, most]) => most * 4 * subPixels(network.inputShape) <= tensorLimit);
    if (!probes) return 1;
    const [few, more] = probes.map(size) as [LaunchSize, LaunchSize];
    const perRow = (key: keyof LaunchSize): number => (more[key] - few[key]) / (probes[1] - probes[0]);
    const macs = flopsOfImage(forwardGraph(network.architecture, network, 1).graph) / 2;
    const bytesPerRow = perRow("bytes");
    const cost = { bytesPerRow, fixedBytes: Math.max(0, few.bytes - probes[0] * bytesPerRow), largestPerRow: perRow("largest"), macsPerRow: pass === "forward" ? macs : 2 * macs };
    return shrunk(Math.min(maxRows, mostRows(cost, { software, tensorLimit })), size, tensorLimit);
  });
}

/** Memory grows faster than the rows where tensors no longer share a buffer: takes rows away until what they really take fits. */
function shrunk(rows: number, sizeOf: (rows: number) => LaunchSize, tensorLimit: number): number {
  let fitting = rows;
  while (fitting > 1) {
    const { bytes, largest } = sizeOf(fitting);
    const share = Math.min(LAUNCH_BYTES / bytes, tensorLimit / largest);
    if (share >= 1) break;
    fitting = Math.max(1, Math.min(fitting - 1, Math.floor(fitting * share)));
  }
  return fitting;
}

/** Bytes of a compiled pass and its inputs, and of the largest tensor of the pass. */
interface LaunchSize { readonly bytes: number; readonly largest: number }

/** Measures and forgets: inputs are all that the device is asked for meanwhile. */
function sizeOf(session: Session, network: Network, pass: "forward" | "gradient", rows: number): LaunchSize {
  const probe = session.child();
  const before = probe.gpu.allocatedBytes;
  try {
    const image = probe.scope.tensor("image", [rows, subPixels(network.inputShape)]);
    const { bytes, largest } = pass === "forward" ? measureForward(probe, network, image) : measureLossGradient(probe, network, image, probe.scope.tensor("labels", [rows], "u32"));
    return { bytes: bytes + probe.gpu.allocatedBytes - before, largest: Math.max(largest.bytes, image.bytes) };
  } finally { probe.dispose(); }
}
