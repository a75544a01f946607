/** Time as a dependency: whatever measures or stamps takes one, so that its tests decide what time it is. */
export interface Clock {
  /** Wall clock: milliseconds since 1970-01-01 UTC. Can jump; for stamps. */
  now(): number;
  /** The same as ISO 8601 in UTC with milliseconds. */
  nowIso(): string;
  /** Milliseconds since some fixed moment; never goes back. For durations. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  nowIso: () => new Date().toISOString(),
  monotonic: () => performance.now(),
};
