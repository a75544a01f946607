import type { Gpu } from "../../services/engine/gpu/device.ts";
import type { Step } from "../../services/engine/gpu/kernel.ts";
import type { Effort } from "./options.ts";
import { ProgramCase } from "./program-case.ts";
import type { Launch } from "./recording-session.ts";
import { type Meter, timeCases, type Timing } from "./timing.ts";

/** One distinct step of a unit of work, timed by itself. */
export interface Part {
  /** Kernel and what it writes. */
  readonly name: string;
  /** Times it runs per unit. */
  readonly count: number;
  /** Of one run. */
  readonly timing: Timing;
}

/**
 * Where the time of a unit goes: each distinct step again and again in a command buffer of its own. Its operands are then
 * as warm in the caches as they ever get, so the parts may add up to less than the whole. Leaves the tensors changed.
 */
export async function breakDown(gpu: Gpu, launches: readonly Launch[], effort: Effort, meter: Meter): Promise<Part[]> {
  const counts = new Map<Step, { count: number; launch: Launch }>();
  for (const launch of launches) for (const step of launch.steps) counts.set(step, { launch, count: (counts.get(step)?.count ?? 0) + 1 });
  const cases = [...counts].map(([step, { count, launch }]) => Object.assign(new ProgramCase(gpu, nameOf(step), [step], launch.values), { count }));
  try {
    const timings = await timeCases(cases, effort, meter);
    return mergeParts([...timings].map(([{ name, count }, timing]) => ({ name, count, timing })));
  } finally { for (const each of cases) each.dispose(); }
}

/** Steps of equal name do the same work on other memory: they become one part with the first one's time. */
export function mergeParts(parts: readonly Part[]): Part[] {
  const merged = new Map<string, Part>();
  for (const part of parts) {
    const known = merged.get(part.name);
    merged.set(part.name, known ? { ...known, count: known.count + part.count } : part);
  }
  return [...merged.values()];
}

/** "conv/implicit-gemm-subgroup → relu 9 [64, 28, 28, 64]" */
export function nameOf(step: Step): string {
  switch (step.kind) {
    case "dispatch": {
      const written = step.buffers[step.spec.reads.length]!;
      return `${step.spec.name} → ${written.label} [${written.shape.join(", ")}]`;
    }
    case "copy": return `copy → ${step.to.label} [${step.to.shape.join(", ")}]`;
    case "clear": return `clear ${step.tensor.label}`;
    case "texture": return `texture ← ${step.tensor.label} [${step.tensor.shape.join(", ")}]`;
  }
}
