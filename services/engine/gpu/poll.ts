/**
 * Keeps the thread that waits for the GPU from burning a core.
 *
 * While any GPU promise is pending, dawn.node re-arms `setImmediate` with a native callback that polls the device
 * (src/dawn/node/binding/AsyncRunner.cpp; dawn-gpu/node-webgpu#17). On two cores that takes one of them from a software
 * rasteriser and halves its speed. Short waits stay immediate; longer ones go through 1 ms timers, so that the event
 * loop sleeps in epoll between polls.
 */

/** Polls served at once before naps begin: about 0.2 ms, the length of a short readback. */
const IMMEDIATE_POLLS = 32;
/** A pause this long means a new wait has begun. */
const NEW_WAIT_MS = 5;
const NAP_MS = 1;

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
  let streak = 0;
  let last = -Infinity;
  return (callback, ...values) => {
    if (values.length > 0 || !isNative(callback)) return immediate(callback, ...values);
    const time = now();
    streak = time - last < NEW_WAIT_MS ? streak + 1 : 0;
    last = time;
    statistics.polls++;
    if (streak < IMMEDIATE_POLLS) return immediate(callback);
    statistics.naps++;
    return nap(callback, NAP_MS);
  };
}

function isNative(callback: unknown): boolean {
  return typeof callback === "function" && /\[native code\]/.test(Function.prototype.toString.call(callback));
}
