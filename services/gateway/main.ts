/** `npm start`: the gateway; without DATABASE_URL with the database and an agent inside. */
import { loadConfig } from "../common/config.ts";
import { AppError } from "../common/errors.ts";
import { listAgents } from "../store/queries/agents.query.ts";
import { type RunningServer, startServer } from "./server.ts";

/** Longer than the queue and the agent need; then whatever hangs is left to the operating system. */
const STOP_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 500;

function say(line: string): void { process.stdout.write(`${line}\n`); }

/** The agent opens its device while the server already answers, so this is said when it is known. */
function announceDevices({ database }: RunningServer): NodeJS.Timeout {
  const told = new Set<string>();
  const timer = setInterval(() => void listAgents(database.db).then((agents) => {
    for (const { id, state, environment, message } of agents) {
      if (state === "starting" || told.has(id)) continue;
      told.add(id);
      if (environment) say(`Adapter: ${environment.adapter}${environment.software ? " (software)" : ""}${environment.measuredGflops === null ? "" : `, ${environment.measuredGflops.toFixed(1)} GFLOP/s`}`);
      if (environment?.advice) say(`Faster: ${environment.advice}`);
      if (message) say(`No device: ${message}`);
    }
    if (agents.length > 0 && agents.every(({ id }) => told.has(id))) clearInterval(timer);
  }, () => undefined), LOOK_EVERY_MS).unref();
  return timer;
}

function stopOnSignals(server: RunningServer, timer: NodeJS.Timeout): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1); // asked twice
    stopping = true;
    say(`${signal}: stopping; once more to stop at once`);
    clearInterval(timer);
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
    server.close().then(() => process.exit(0), fail);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
}

function fail(error: unknown): never {
  process.stderr.write(`lorenz: ${error instanceof AppError ? `${error.code}: ${error.message}` : error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
}

try {
  const config = loadConfig();
  const server = await startServer({ config });
  say(`Lorenz listens on ${server.url}  (GraphiQL in a browser; GraphQL over HTTP and WebSocket on ${server.url}/graphql)`);
  say(config.databaseUrl === undefined ? `Data: ${config.dataDir}, with an agent inside` : "Database: PostgreSQL; start agents with `npm run agent`");
  stopOnSignals(server, announceDevices(server));
} catch (error) {
  fail(error);
}
