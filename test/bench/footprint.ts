import type { Gpu } from "../../services/engine/gpu/device.ts";
import type { Step } from "../../services/engine/gpu/kernel.ts";
import { type Tensor, TEXTURE_ROW_BYTES, type TensorTexture } from "../../services/engine/gpu/tensor.ts";
import type { Launch, RecordingSession } from "./recording-session.ts";

/** What one unit of a network's work asks of device and host. */
export interface Footprint {
  readonly dispatches: number;
  /** Copies and clears, between buffers and to textures. */
  readonly copies: number;
  readonly commandBuffers: number;
  /** Buffers and textures touched. */
  readonly objects: number;
  /** GPU objects made, encoders aside: 0 in a steady state. */
  readonly objectsCreated: number;
  /** Memory that plans share out among intermediate values. */
  readonly workspaceBytes: number;
  /** All buffers and textures touched, workspace and weights included. */
  readonly bytes: number;
  /** Encoding and submitting, on the host. */
  readonly hostMs: number;
}

/** Observes one unit of a recipe that has run before. @param run does it and waits for it. */
export async function footprint(gpu: Gpu, session: RecordingSession, run: () => Promise<void>): Promise<{ footprint: Footprint; launches: readonly Launch[] }> {
  const created = (): number => Object.values(gpu.counts).reduce((sum, count) => sum + count, 0);
  const before = created();
  const launches = await session.record(run);
  return { launches, footprint: { ...footprintOf(launches), objectsCreated: created() - before } };
}

/** What the command buffers themselves tell. */
export function footprintOf(launches: readonly Launch[]): Omit<Footprint, "objectsCreated"> {
  const steps = launches.flatMap((launch) => launch.steps);
  const dispatches = steps.filter(({ kind }) => kind === "dispatch").length;
  const tensors = steps.flatMap(tensorsOf);
  const buffers = [...new Set(tensors.map(({ buffer }) => buffer))];
  const textures = [...new Set(tensors.flatMap(({ texture }) => texture ?? []))];
  return {
    dispatches, copies: steps.length - dispatches, commandBuffers: launches.length, objects: buffers.length + textures.length,
    workspaceBytes: bufferBytes(buffers.filter(({ label }) => /\/workspace \d+$/.test(label))), bytes: bufferBytes(buffers) + textureBytes(textures),
    hostMs: launches.reduce((sum, { hostMs }) => sum + hostMs, 0),
  };
}

function bufferBytes(buffers: readonly GPUBuffer[]): number { return buffers.reduce((sum, { size }) => sum + size, 0); }
function textureBytes(textures: readonly TensorTexture[]): number { return textures.reduce((sum, { texture }) => sum + texture.height * TEXTURE_ROW_BYTES, 0); }

function tensorsOf(step: Step): readonly Tensor[] {
  switch (step.kind) {
    case "dispatch": return step.buffers;
    case "copy": return [step.from, step.to];
    case "clear": case "texture": return [step.tensor];
  }
}
