import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import type { Gpu } from "../../services/engine/gpu/device.ts";
import { elements } from "../../services/engine/gpu/tensor.ts";
import type { ModelShape } from "../../services/lab/models/architecture.ts";
import { architectureNamed } from "../../services/lab/models/architectures.ts";
import { makeNetwork, type Network } from "../../services/lab/models/network.ts";
import type { Session } from "../../services/lab/session.ts";
import { law, numbers } from "./formula.ts";

export const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/** Collects garbage now, the memory of buffers that it held included: what is left of resident memory is in use, or leaked. */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  await new Promise((resolve) => { setImmediate(resolve); }); // finalisers of native objects run between two turns of the loop
  collect();
}

/** A published network with weights by formula: initialising 25 million would take longer than most work with them. */
export function networkByFormula(session: Session, name: string, shape: Partial<ModelShape> = {}): Network {
  const architecture = architectureNamed(name);
  const network = makeNetwork(session.scope, architecture, { ...architecture.published, ...shape });
  const stored = network.parameters.entries.filter(({ leaf }) => leaf.op !== "frozen");
  network.parameters.load(new Map(stored.map(({ name: key, shape: sides }, i) => [key, { shape: sides, data: numbers(i, elements(sides), law(key, sides)) }])));
  return network;
}

/** The most that scopes held at any time during the work beyond what they held before, and by how much resident memory grew at the process's peak. */
export async function peaksOf(gpu: Gpu, work: () => Promise<void>): Promise<{ device: number; resident: number }> {
  const [before, resident] = [gpu.allocatedBytes, process.memoryUsage.rss()];
  let now = before;
  let peak = before;
  Object.defineProperty(gpu, "allocatedBytes", { configurable: true, get: () => now, set: (bytes: number) => { now = bytes; peak = Math.max(peak, bytes); } });
  try {
    await work();
  } finally {
    Object.defineProperty(gpu, "allocatedBytes", { configurable: true, writable: true, value: now });
  }
  return { device: peak - before, resident: process.resourceUsage().maxRSS * 1024 - resident };
}
