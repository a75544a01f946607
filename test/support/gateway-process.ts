/** A gateway without an agent, in a process of its own; says its address, and on any input its largest resident size in KiB. argv: data directory. */
import { loadConfig } from "../../services/common/config.ts";
import { startServer } from "../../services/gateway/server.ts";
import { openDatabase } from "../../services/store/db.ts";
import { embeddedImage } from "./test-db.ts";

const dataDir = process.argv[2]!;
const database = await openDatabase({ dataDir, image: await embeddedImage() });
const { url } = await startServer({ config: { ...loadConfig({ NODE_TEST_CONTEXT: "1" }), dataDir, port: 0 }, database, agent: false });
process.stdout.write(`${url}\n`);
process.stdin.on("data", () => process.stdout.write(`${process.resourceUsage().maxRSS}\n`));
