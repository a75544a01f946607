import type { Clock } from "../common/clock.ts";
import type { Progress } from "../lab/session.ts";

/** The protocol's limit is ten a second. */
const INTERVAL_MS = 100;

/** Passes on at most one report per interval; the others are dropped, since each says all that the ones before it said. */
export function throttled(clock: Clock, send: (progress: Progress) => void): (progress: Progress) => void {
  let last = -Infinity;
  return (progress) => {
    const now = clock.monotonic();
    if (now - last < INTERVAL_MS) return;
    last = now;
    send(progress);
  };
}
