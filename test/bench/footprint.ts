import type { Gpu } from "../../services/engine/gpu/device.ts";
import type { Step } from "../../services/engine/gpu/kernel.ts";
import type { Launch, RecordingSession } from "./recording-session.ts";

/** What one unit of a network's work asks of device and host. */
export interface Footprint {
  readonly dispatches: number;
  /** Copies and clears between buffers. */
  readonly copies: number;
  readonly commandBuffers: number;
  /** GPU objects made per unit, encoders aside: 0 in a steady state. */
  readonly objectsCreated: number;
  /** Memory that plans share out among intermediate values. */
  readonly workspaceBytes: number;
  /** All buffers touched, workspace and weights included. */
  readonly bufferBytes: number;
  /** Encoding and submitting, on the host. */
  readonly hostMs: number;
}

const UNITS = 3;

/** Observes a recipe that has run before. @param run one unit of work, waiting for it. */
export async function footprint(gpu: Gpu, session: RecordingSession, run: () => Promise<void>): Promise<{ footprint: Footprint; launches: readonly Launch[] }> {
  const created = (): number => Object.values(gpu.counts).reduce((sum, count) => sum + count, 0);
  const before = created();
  for (let i = 1; i < UNITS; i++) await run();
  const launches = await session.record(run);
  return { launches, footprint: { ...footprintOf(launches), objectsCreated: (created() - before) / UNITS } };
}

/** What the command buffers themselves tell. */
export function footprintOf(launches: readonly Launch[]): Omit<Footprint, "objectsCreated"> {
  const steps = launches.flatMap((launch) => launch.steps);
  const dispatches = steps.filter(({ kind }) => kind === "dispatch").length;
  const buffers = [...new Set(steps.flatMap(buffersOf))];
  const bytes = (some: readonly GPUBuffer[]): number => some.reduce((sum, { size }) => sum + size, 0);
  return {
    dispatches, copies: steps.length - dispatches, commandBuffers: launches.length,
    workspaceBytes: bytes(buffers.filter(({ label }) => /\/workspace \d+$/.test(label))), bufferBytes: bytes(buffers),
    hostMs: launches.reduce((sum, { hostMs }) => sum + hostMs, 0),
  };
}

function buffersOf(step: Step): GPUBuffer[] {
  switch (step.kind) {
    case "dispatch": return step.buffers.map(({ buffer }) => buffer);
    case "copy": return [step.from.buffer, step.to.buffer];
    case "clear": return [step.tensor.buffer];
  }
}
