import { flopsOfImage } from "../engine/plan/flops.ts";
import { forwardGraph } from "./models/architecture.ts";
import { compileForward, compileLossGradient } from "./models/compiled.ts";
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
}

export interface AdapterLimits {
  readonly software: boolean;
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
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
 * How many rows one launch should have at most: as many as are efficient, no more than fit into the memory budget and the
 * adapter's buffers. At least 1, which the compiler refuses if even that does not fit. No result depends on it.
 */
export function mostRows({ macsPerRow, bytesPerRow, fixedBytes }: LaunchCost, { software, maxBufferSize, maxStorageBufferBindingSize }: AdapterLimits): number {
  const { macs, fewest, most } = FULL_LAUNCH[software ? "software" : "gpu"];
  const efficient = Math.min(most, Math.max(fewest, Math.ceil(macs / Math.max(1, macsPerRow))));
  const room = Math.min(LAUNCH_BYTES, maxBufferSize, maxStorageBufferBindingSize) - fixedBytes;
  return Math.max(1, Math.min(efficient, Math.floor(room / bytesPerRow)));
}

/** Cuts `total` into as few parts of at most `most` as possible. @returns the size of the largest when they are as equal as can be; at least 1. */
export function evenly(total: number, most: number): number { return Math.max(1, Math.ceil(total / Math.max(1, Math.ceil(total / most)))); }

/** Two sizes at which a plan is compiled to see what a row takes. */
const PROBES = [4, 8] as const;

/** `mostRows` of a network's forward pass, or of its gradient with respect to the image; or less, when the session says so. */
export function launchRows(session: Session, network: Network, pass: "forward" | "gradient"): Promise<number> {
  return session.cached(network, `rows ${pass}`, async () => {
    const { gpu, maxRows } = session;
    const [few, more] = PROBES.map((rows) => bytesOf(session, network, pass, rows)) as [number, number];
    const bytesPerRow = (more - few) / (PROBES[1] - PROBES[0]);
    const macs = flopsOfImage(forwardGraph(network.architecture, network, 1).graph) / 2;
    const cost = { bytesPerRow, fixedBytes: Math.max(0, few - PROBES[0] * bytesPerRow), macsPerRow: pass === "forward" ? macs : 2 * macs };
    const { maxBufferSize, maxStorageBufferBindingSize } = gpu.limits;
    return Math.min(maxRows, mostRows(cost, { software: gpu.adapter.software, maxBufferSize, maxStorageBufferBindingSize }));
  });
}

/** Compiles and forgets: what the device was asked for meanwhile. */
function bytesOf(session: Session, network: Network, pass: "forward" | "gradient", rows: number): number {
  const probe = session.child();
  const before = probe.gpu.allocatedBytes;
  try {
    const image = probe.scope.tensor("image", [rows, subPixels(network.inputShape)]);
    if (pass === "forward") compileForward(probe, network, image);
    else compileLossGradient(probe, network, image, probe.scope.tensor("labels", [rows], "u32"));
    return probe.gpu.allocatedBytes - before;
  } finally { probe.dispose(); }
}
