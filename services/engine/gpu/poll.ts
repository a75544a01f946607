/**
 * Keeps the thread that waits for the GPU from burning a core.
 *
 * While any GPU promise is pending, dawn.node re-arms `setImmediate` with a native callback that polls the device
 * (src/dawn/node/binding/AsyncRunner.cpp; dawn-gpu/node-webgpu#17). On two cores that takes one of them from a software
 * rasteriser and halves its speed. Short waits stay immediate; longer ones go through timers, so that the event loop sleeps
 * in epoll between polls.
 */

/** Polls served at once before naps begin: about 0.2 ms, the length of a short readback. */
const IMMEDIATE_POLLS = 32;
/**
 * A nap is this part of the wait so far, within these bounds: a poll costs 30 to 70 µs with all that waking up takes, so
 * that naps of 1 ms would take 5 % of a core, and the end of a wait is noticed at most 6 % late.
 */
const NAP_SHARE = 1 / 16;
const SHORTEST_NAP_MS = 1;
const LONGEST_NAP_MS = 4;

export interface PollStatistics {
  /** Native polls seen since the throttle was installed. */
  polls: number;
  /** How many of them were put off by a nap. */
  naps: number;
}

let installed: PollStatistics | undefined;

/** Installs the throttle once per process; must run before dawn.node is loaded. Returns its counters. */
export function installPollThrottle(): PollStatistics {
  if (installed) return installed;
  const statistics: PollStatistics = { polls: 0, naps: 0 };
  globalThis.setImmediate = throttledImmediate(globalThis.setImmediate, statistics) as typeof setImmediate;
  installed = statistics;
  return statistics;
}

type Callback = (...values: unknown[]) => void;

/** Exported for its test. `now` in ms. */
export function throttledImmediate(
  immediate: (callback: Callback, ...values: unknown[]) => unknown,
  statistics: PollStatistics,
  now: () => number = () => performance.now(),
  nap: (callback: Callback, ms: number) => unknown = setTimeout,
): (callback: Callback, ...values: unknown[]) => unknown {
  let polling = false;
  let streak = 0;
  let since = 0;
  return (callback, ...values) => {
    if (values.length > 0 || !isNative(callback)) return immediate(callback, ...values);
    if (!polling) [streak, since] = [0, now()]; // a poll that finds something pending arms the next; a new wait begins elsewhere
    statistics.polls++;
    const poll = (): void => {
      polling = true;
      try { callback(); } finally { polling = false; }
    };
    if (streak++ < IMMEDIATE_POLLS) return immediate(poll);
    statistics.naps++;
    return nap(poll, Math.round(Math.min(LONGEST_NAP_MS, Math.max(SHORTEST_NAP_MS, (now() - since) * NAP_SHARE))));
  };
}

function isNative(callback: unknown): boolean {
  return typeof callback === "function" && /\[native code\]/.test(Function.prototype.toString.call(callback));
}
