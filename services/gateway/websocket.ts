import type { Server } from "node:http";
import type { Duplex } from "node:stream";
import { type ExecutionResult, type FormattedExecutionResult, getOperationAST, GraphQLError, type GraphQLFormattedError, type GraphQLSchema } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";

import { logger } from "../common/log.ts";
import { createContext, type Services } from "./context.ts";
import { isLoopbackHost, isSameOrigin } from "./http/loopback.ts";
import { checkDocument, type Limits, limitRules, MAX_BODY_BYTES } from "./limits.ts";

/** Operations that one socket may have open. GraphiQL and dashboards need a handful. */
export const MAX_OPERATIONS = 100;

const CLOSE_MS = 2000;

export interface WebSocketOptions {
  readonly httpServer: Server;
  readonly schema: GraphQLSchema;
  readonly services: Services;
  readonly limits: Limits;
  readonly formatError: (error: unknown) => GraphQLFormattedError;
  /** Whether to answer only to names of this machine. */
  readonly loopbackOnly: boolean;
}

/**
 * GraphQL over WebSocket (protocol graphql-transport-ws) on /graphql, with the limits and errors of the HTTP side. A
 * slow client slows only itself: each message is awaited before the next is pulled from its subscription.
 */
export function serveWebSocket({ httpServer, schema, services, limits, formatError, loopbackOnly }: WebSocketOptions): { dispose(): Promise<void> } {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_BODY_BYTES });
  httpServer.on("upgrade", (request, socket, head) => {
    const { host, origin } = request.headers;
    if (request.url?.split("?")[0] !== "/graphql") refuse(socket, "404 Not Found");
    else if ((loopbackOnly && !isLoopbackHost(host)) || !isSameOrigin(origin, host)) refuse(socket, "403 Forbidden");
    else sockets.handleUpgrade(request, socket, head, (client) => sockets.emit("connection", client, request));
  });
  const rules = limitRules(limits);
  const served = useServer({
    onSubscribe: ({ subscriptions }, _id, { query, operationName, variables }) => {
      if (Object.keys(subscriptions).length > MAX_OPERATIONS) {
        return [new GraphQLError(`expected at most ${MAX_OPERATIONS} operations at a time on one socket; complete one or open another socket`, { extensions: { code: "QUERY_TOO_COMPLEX" } })];
      }
      const checked = checkDocument(schema, query, limits, rules);
      if ("errors" in checked) return checked.errors;
      if (!getOperationAST(checked.document, operationName)) {
        return [new GraphQLError("operationName: expected the name of an operation in the document", { extensions: { code: "OPERATION_RESOLUTION_FAILURE" } })];
      }
      return { schema, document: checked.document, operationName, variableValues: variables, contextValue: createContext(services, { cache: false }) };
    },
    onNext: (_context, _id, _payload, _args, result) => format(result as ExecutionResult, formatError),
    onError: (_context, _id, _payload, errors) => errors.map(formatError),
  }, sockets);
  sockets.on("connection", (socket) => {
    // graphql-ws would print each to the console; `ws` has closed the socket with the right code already.
    socket.removeAllListeners("error");
    socket.on("error", (error) => logger("gateway").info({ err: error }, "a WebSocket broke"));
  });
  return {
    async dispose() {
      // A client that does not answer the close frame must not hold up the end.
      const deadline = setTimeout(() => { for (const client of sockets.clients) client.terminate(); }, CLOSE_MS);
      await served.dispose();
      clearTimeout(deadline);
    },
  };
}

function format({ errors, data }: ExecutionResult, formatError: (error: unknown) => GraphQLFormattedError): FormattedExecutionResult {
  return { ...(data !== undefined && { data }), ...(errors && { errors: errors.map(formatError) }) };
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
