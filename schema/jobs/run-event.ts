import type { MetricPoint } from "./runner-message.ts";

/** What happens to a run, as the agent and the gateway append it to `run_events`. Payloads by type. */
export interface RunEventPayloads {
  QUEUED: Record<string, never>;
  /** `resumedFrom`: the epoch of the checkpoint it goes on from, null from scratch. `reason`: why there is a further attempt, null for the first. */
  ATTEMPT_STARTED: { attempt: number; resumedFrom: number | null; reason: string | null };
  PROGRESS: { phase: string; done: number; total: number; etaSeconds: number | null; imagesPerSecond: number | null };
  METRICS: { points: MetricPoint[] };
  CHECKPOINT: { epoch: number };
  /** How much of each was stored. */
  RESULTS: { images: number; inequality: number; attacks: number; artifacts: number; accuracies: number; predictions: number };
  NOTE: { message: string };
  /** The run is queued again, or fails with the next event. */
  ATTEMPT_FAILED: { attempt: number; code: string; message: string };
  CANCEL_REQUESTED: Record<string, never>;
  SUCCEEDED: { modelId: string | null };
  FAILED: { code: string; message: string };
  CANCELLED: Record<string, never>;
}
export type RunEventType = keyof RunEventPayloads;
export type RunEvent = { [T in RunEventType]: { type: T; payload: RunEventPayloads[T] } }[RunEventType];

/** One satisfies-checked list, for enums and validation. */
export const RUN_EVENT_TYPES = [
  "QUEUED", "ATTEMPT_STARTED", "PROGRESS", "METRICS", "CHECKPOINT", "RESULTS", "NOTE", "ATTEMPT_FAILED", "CANCEL_REQUESTED", "SUCCEEDED", "FAILED", "CANCELLED",
] as const satisfies readonly RunEventType[];

/** After one of these a run has no further events. */
export const FINAL_EVENT_TYPES: ReadonlySet<RunEventType> = new Set<RunEventType>(["SUCCEEDED", "FAILED", "CANCELLED"]);
