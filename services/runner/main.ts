/** The runner process: forked by an agent, ends with it. */
import { loadConfig } from "../common/config.ts";
import { AppError } from "../common/errors.ts";
import { Runner } from "./runner.ts";

if (!process.send) throw new AppError("INVARIANT", "runner: expected to be started by an agent over IPC, got no channel; run npm start or npm run agent");

const { dataDir, cacheDir, importRoots, tuning: mode } = loadConfig();
const runner = new Runner({
  dataDir, importRoots,
  tuning: { mode, cacheDir },
  // A message that cannot be sent means that the agent is gone, and "disconnect" follows.
  send: (message) => process.send!(message, undefined, undefined, () => undefined),
});
process.on("message", (message) => void runner.handle(message));
// A device that is closed in order leaves nothing behind in the driver.
process.on("disconnect", () => void runner.close().finally(() => process.exit()));
