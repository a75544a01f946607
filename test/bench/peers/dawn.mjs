/** Gives an engine made for browsers the very Dawn that Lorenz runs on: npm's webgpu, found from here in Lorenz's own node_modules. */
import { create, globals } from "webgpu";

/**
 * Call before the engine is imported. The event loop's naps are Lorenz's own (services/engine/gpu/poll.ts), which the
 * benchmark preloads into this process.
 *
 * @param {string | undefined} name part of the adapter's name, when not just any will do
 * @returns the adapter's description
 */
export async function provideWebGpu(name) {
  const gpu = create([...(process.platform === "linux" ? ["backend=vulkan"] : []), ...(name ? [`adapter=${name}`] : [])]);
  Object.assign(globalThis, globals);
  provideNavigator({ gpu });
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("Dawn found no adapter");
  return adapter.info.description;
}

/** Node 21 and later have a navigator of their own, which is read-only. */
export function provideNavigator(fields) {
  Object.defineProperty(globalThis, "navigator", { value: { userAgent: "node", hardwareConcurrency: 2, ...fields }, configurable: true, writable: true });
}
