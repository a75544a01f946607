import type { Clock } from "../common/clock.ts";
import type { Progress } from "../lab/session.ts";

/** The protocol's limit is ten a second. */
const INTERVAL_MS = 100;

/** Passes on at most one report per interval, but always the first and the last of a phase: those are what a reader waits for. */
export function throttled(clock: Clock, send: (progress: Progress) => void): (progress: Progress) => void {
  let last = -Infinity;
  let phase: string | undefined;
  return (progress) => {
    const now = clock.monotonic();
    const between = progress.phase === phase && progress.done < progress.total;
    if (between && now - last < INTERVAL_MS) return;
    last = now;
    phase = progress.phase;
    send(progress);
  };
}
