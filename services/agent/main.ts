/** `npm run agent`: an agent alone, against the PostgreSQL of DATABASE_URL. */
import { blobFolder } from "../common/blob-files.ts";
import { loadConfig, redacted } from "../common/config.ts";
import { AppError } from "../common/errors.ts";
import { logger } from "../common/log.ts";
import { openDatabase } from "../store/db.ts";
import { Agent } from "./agent.ts";

const log = logger("agent");

async function main(): Promise<void> {
  const config = loadConfig();
  if (config.databaseUrl === undefined) {
    throw new AppError("CONFIG_INVALID", "DATABASE_URL: expected the PostgreSQL database that the gateway uses, got none; with the embedded database the agent runs inside `npm start`");
  }
  log.info({ config: redacted(config) }, "starting");
  const database = await openDatabase(config);
  const agent = new Agent({ database, blobDir: blobFolder(config.dataDir) });
  await agent.start();
  const signal = await new Promise<NodeJS.Signals>((resolve) => {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, resolve);
  });
  log.info({ signal }, "stopping");
  await agent.stop();
  await database.close();
}

main().catch((error: unknown) => {
  log.fatal({ err: error }, error instanceof AppError ? error.message : "the agent failed");
  process.exitCode = 1;
});
