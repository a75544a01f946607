import type { ApolloServer } from "@apollo/server";
import { expressMiddleware } from "@as-integrations/express5";
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import type { GraphQLFormattedError } from "graphql";

import { AppError } from "../common/errors.ts";
import { createContext, type GatewayContext, type Services } from "./context.ts";
import { serveBlob } from "./http/blobs.route.ts";
import { graphiqlPage, wantsPage } from "./http/graphiql.route.ts";
import { sendError } from "./http/http-error.ts";
import { isLoopbackHost } from "./http/loopback.ts";
import { receiveBlob } from "./http/uploads.route.ts";
import { MAX_BODY_BYTES } from "./limits.ts";

export interface AppOptions {
  readonly apollo: ApolloServer<GatewayContext>;
  readonly services: Services;
  readonly formatError: (error: unknown) => GraphQLFormattedError;
  /** Whether to answer only to names of this machine. */
  readonly loopbackOnly: boolean;
  readonly isDraining: () => boolean;
}

/** All routes: /graphql (and the page on /), /blobs/:sha256, /healthz, /readyz. */
export function createApp({ apollo, services, formatError, loopbackOnly, isDraining }: AppOptions): Express {
  const app = express().disable("x-powered-by").disable("etag");
  if (loopbackOnly) app.use(refuseForeignNames(formatError));
  app.get("/healthz", (_request, response) => { response.json({ status: "ok" }); });
  app.get("/readyz", async (_request, response) => {
    const state = isDraining() ? "draining" : await services.database.ping().then(() => "ready", () => "database does not answer");
    response.status(state === "ready" ? 200 : 503).json({ status: state });
  });
  const page = graphiqlPage();
  app.get("/", page);
  app.use("/graphql", (request, response, next) => wantsPage(request) ? page(request, response, next) : next());
  app.use("/graphql", express.json({ limit: MAX_BODY_BYTES }), expressMiddleware(apollo, { context: async () => createContext(services) }));
  app.put("/blobs/:sha256", receiveBlob(services, formatError));
  app.get("/blobs/:sha256", serveBlob(services.database.db, services.blobFolder, formatError));
  app.use((request, response) => { sendError(response, formatError(new AppError("NOT_FOUND", `${request.method} ${request.path}: nothing is there; see / and /graphql`))); });
  app.use(answerErrors(formatError));
  return app;
}

function refuseForeignNames(formatError: AppOptions["formatError"]): RequestHandler {
  return (request, response, next) => {
    if (isLoopbackHost(request.headers.host)) return next();
    // 421: this server does not answer for that name.
    sendError(response, formatError(new AppError("INVALID_INPUT", `Host: expected a name of this machine such as localhost, got ${JSON.stringify(request.headers.host)}; set LORENZ_ALLOW_REMOTE=1 if other names are meant to reach it`, { field: "host" })), 421);
  };
}

/** What body parser and router refuse (bad JSON, too large, bad percent-encoding) has a status of 4xx; anything else is ours. */
function answerErrors(formatError: AppOptions["formatError"]): ErrorRequestHandler {
  return (error: unknown, _request, response, next) => {
    if (response.headersSent) return next(error);
    const { status, message } = error as { status?: unknown; message?: unknown };
    const byCaller = typeof status === "number" && status >= 400 && status < 500;
    sendError(response, formatError(byCaller ? new AppError("INVALID_INPUT", `request: ${String(message)}`) : error), byCaller ? status : undefined);
  };
}
