/** The embedded server's half that matters for durability, in a process that a test can kill: data directory in argv[2]. */
import { fileURLToPath } from "node:url";

import { blobFolder } from "../../services/common/blob-files.ts";
import { Agent } from "../../services/agent/agent.ts";
import { openDatabase } from "../../services/store/db.ts";
import { embeddedImage } from "./test-db.ts";
import { eventsUntil, inequalityConfig, makeModel, makeRun, trainConfig } from "./runs.ts";
import { seedOf } from "./scenarios.ts";

const dataDir = process.argv[2]!;
const blobDir = blobFolder(dataDir);
const database = await openDatabase({ dataDir, image: await embeddedImage() });
const agent = new Agent({ database, blobDir, runnerPath: fileURLToPath(new URL("fake-runner.ts", import.meta.url)), flushMs: 10 });
await agent.start();
const { modelId } = await makeModel(database, blobDir);
const running = await makeRun(database, trainConfig("interrupted"), seedOf("partial-then-hang"));
const queued = await makeRun(database, inequalityConfig(modelId), seedOf("succeed"));
const events = await eventsUntil(database, running.id, (all) => all.some((e) => e.type === "CHECKPOINT"));
const runnerPid = events.map((e) => /^runner (\d+)$/.exec((e.payload as { message?: string }).message ?? "")?.[1]).find(Boolean);
process.stdout.write(`${JSON.stringify({ running: running.id, queued: queued.id, runnerPid: Number(runnerPid) })}\n`);
