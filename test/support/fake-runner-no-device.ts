/** A runner on a machine without anything to run on. */
import type { RunnerMessage } from "../../schema/jobs/runner-message.ts";

process.on("disconnect", () => process.exit(0));
process.on("message", (message: { type: string }) => {
  if (message.type !== "describe") throw new Error(`it has no device, and yet it got ${message.type}`);
  process.send!({ type: "no-device", code: "NO_ADAPTER", message: "nothing here" } satisfies RunnerMessage);
  process.send!({ type: "datasets", datasets: [] } satisfies RunnerMessage);
});
