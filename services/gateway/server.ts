import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { ApolloServer } from "@apollo/server";
import { ApolloServerPluginLandingPageDisabled } from "@apollo/server/plugin/disabled";
import { ApolloServerPluginDrainHttpServer } from "@apollo/server/plugin/drainHttpServer";
import type { GraphQLFormattedError, GraphQLSchema } from "graphql";

import { Agent } from "../agent/agent.ts";
import { blobFolder } from "../common/blob-files.ts";
import type { Config } from "../common/config.ts";
import { AppError } from "../common/errors.ts";
import { logger } from "../common/log.ts";
import { Cleanup } from "../store/cleanup.ts";
import { type Database, openDatabase } from "../store/db.ts";
import { readEvents } from "../store/events.store.ts";
import { statesOfNewestRuns, statesOfRuns } from "../store/queries/runs.query.ts";
import { createApp } from "./app.ts";
import { createSchema } from "./build-schema.ts";
import type { GatewayContext, Services } from "./context.ts";
import { createErrorFormatter } from "./format-error.ts";
import { assertBindable } from "./http/loopback.ts";
import { keepUploadsSwept } from "./http/upload-sweep.ts";
import { limitRules } from "./limits.ts";
import { RunChangeFeed } from "./runs/run-change-feed.ts";
import { RunEventHub } from "./runs/run-event-hub.ts";
import { serveWebSocket } from "./websocket.ts";

export interface ServerOptions {
  /** `port` 0 takes any free one. */
  readonly config: Config;
  /** One that is already open and that the caller closes. Absent: opened from the config, and closed with the server. */
  readonly database?: Database;
  /** Whether an agent works inside this process. Default: when the database is the embedded one, which no other process can use. */
  readonly agent?: boolean;
}

export interface RunningServer {
  /** "http://127.0.0.1:4000", without a slash at the end. */
  readonly url: string;
  readonly database: Database;
  /** New connections and subscriptions are refused first, then the agent gives its run back, then the database closes. Idempotent. */
  close(): Promise<void>;
}

/** A socket that says nothing for so long is closed. There is no limit on the time that a request takes: an upload takes hours. */
const IDLE_MS = 120_000;
/** Node would take the time for headers from that of requests, which has no limit here. */
const HEADERS_MS = 60_000;
/** How many runs a list may show before a reconnect of the database's listener could hide a change. */
const FOLLOWED_RUNS = 200;

/**
 * Opens everything and listens.
 *
 * @throws AppError CONFIG_INVALID (address not allowed or in use), DATA_DIR_LOCKED.
 */
export async function startServer({ config, database: given, agent: withAgent = config.databaseUrl === undefined }: ServerOptions): Promise<RunningServer> {
  assertBindable(config.host, config.allowRemote);
  const closing = new Cleanup(); // runs in reverse: what is opened last is closed first
  try {
    // The address first: it is the quickest thing to find out that it cannot be had.
    const httpServer = createServer({ requestTimeout: 0, headersTimeout: HEADERS_MS }, notYet).setTimeout(IDLE_MS);
    const port = await listen(httpServer, config);
    closing.add(() => closeHttp(httpServer));
    const database = given ?? await openDatabase({ dataDir: config.dataDir, ...(config.databaseUrl !== undefined && { databaseUrl: config.databaseUrl }) });
    if (!given) closing.add(() => database.close());
    if (withAgent) {
      const agent = new Agent({ database, blobDir: blobFolder(config.dataDir) });
      closing.add(() => agent.stop());
      await agent.start();
    }
    await serve(httpServer, config, database, closing);
    return { url: `http://${config.host.includes(":") ? `[${bare(config.host)}]` : config.host}:${port}`, database, close: () => closing.run() };
  } catch (error) {
    await closing.run();
    throw error;
  }
}

async function serve(httpServer: Server, config: Config, database: Database, closing: Cleanup): Promise<void> {
  const log = logger("gateway");
  const formatError = createErrorFormatter(log);
  const services = await openServices(config, database, closing);
  const schema = await createSchema();
  const apollo = createApollo(schema, config, httpServer, formatError);
  await apollo.start();
  closing.add(() => apollo.stop()); // closes httpServer, too
  const loopbackOnly = !config.allowRemote;
  const webSocket = serveWebSocket({ httpServer, schema, services, limits: config, formatError, loopbackOnly });
  let draining = false;
  closing.add(async () => { draining = true; await webSocket.dispose(); });
  const app = createApp({ apollo, services, formatError, loopbackOnly, isDraining: () => draining });
  httpServer.off("request", notYet).on("request", app);
  // A client that asks before it sends its body (curl, for a large one): the upload decides for itself, so that a refusal comes first.
  httpServer.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    if (request.method !== "PUT") response.writeContinue();
    app(request, response);
  });
}

/** What is answered while the database is being opened. */
function notYet(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(503, { "content-type": "application/json", "retry-after": "1" }).end('{"status":"starting"}');
}

async function openServices(config: Config, database: Database, closing: Cleanup): Promise<Services> {
  const { db } = database;
  const listen = database.listen.bind(database);
  const onError = (error: unknown) => logger("gateway").warn({ err: error }, "cannot read what changed; will try again");
  const hub = new RunEventHub({ read: (runId, after, limit) => readEvents(db, runId, after, limit), listen, onError });
  closing.add(() => hub.close());
  await hub.open();
  const changes = new RunChangeFeed({ statesOf: (ids) => statesOfRuns(db, ids), newest: () => statesOfNewestRuns(db, FOLLOWED_RUNS), listen, onError });
  closing.add(() => changes.close());
  await changes.open();
  closing.add(keepUploadsSwept(db, blobFolder(config.dataDir), config.databaseUrl === undefined));
  return { database, blobFolder: blobFolder(config.dataDir), maxUploadBytes: config.maxUploadBytes, importRoots: config.importRoots, hub, changes };
}

function createApollo(schema: GraphQLSchema, config: Config, httpServer: Server, formatError: (error: unknown) => GraphQLFormattedError): ApolloServer<GatewayContext> {
  return new ApolloServer<GatewayContext>({
    schema, formatError: (_formatted, error) => formatError(error),
    validationRules: [...limitRules(config)], parseOptions: { maxTokens: config.maxTokens },
    introspection: true, csrfPrevention: true, allowBatchedHttpRequests: false, persistedQueries: false, includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false, // its handlers re-raise the signal before the queue and the database are closed
    logger: logger("apollo"),
    plugins: [ApolloServerPluginDrainHttpServer({ httpServer }), ApolloServerPluginLandingPageDisabled()],
  });
}

/** @returns the port. @throws AppError CONFIG_INVALID when the address cannot be had. */
async function listen(httpServer: Server, { host, port }: Config): Promise<number> {
  try {
    httpServer.listen(port, bare(host));
    await once(httpServer, "listening");
  } catch (error) {
    throw new AppError("CONFIG_INVALID", `LORENZ_HOST, LORENZ_PORT: expected an address that can be bound, got ${host}:${port}: ${(error as Error).message}; is another server running?`, { host, port }, { cause: error });
  }
  return (httpServer.address() as AddressInfo).port;
}

/** For a start that failed; otherwise Apollo has drained and closed it by then. */
async function closeHttp(httpServer: Server): Promise<void> {
  httpServer.closeAllConnections();
  await new Promise<void>((resolve) => { httpServer.close(() => resolve()); });
}

/** An IPv6 address without the brackets that a URL needs. */
function bare(host: string): string { return host.replace(/^\[|\]$/g, ""); }
