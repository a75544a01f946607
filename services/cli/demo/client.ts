import { createClient } from "graphql-ws";
import WebSocket from "ws";

import { AppError } from "../../common/errors.ts";

/** The demo talks to its server as any client would: GraphQL over HTTP, live events over a WebSocket. */
export class DemoClient {
  constructor(readonly url: string) {}

  /** @throws AppError with the server's code and message when the answer has errors. */
  async request<T>(query: string, variables: Readonly<Record<string, unknown>> = {}): Promise<T> {
    const response = await fetch(`${this.url}/graphql`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ query, variables }) });
    const { data, errors } = (await response.json()) as { data?: T; errors?: readonly { message: string; extensions?: { code?: string; field?: string } }[] };
    if (errors?.[0]) throw new AppError(errors[0].extensions?.code ?? "INTERNAL", `${errors[0].extensions?.field ? `${errors[0].extensions.field}: ` : ""}${errors[0].message}`);
    return data!;
  }

  /** Calls `onEvent` for every event of the run, from its first on; resolves when the run has ended. */
  async follow(runId: string, onEvent: (event: RunEvent) => void): Promise<void> {
    const client = createClient({ url: `${this.url.replace(/^http/, "ws")}/graphql`, webSocketImpl: WebSocket });
    const variables = { runId, after: 0 }; // sent again on every reconnect, so it must be where we are
    try {
      const batches = client.iterate<{ runEvents: readonly RunEvent[] }>({ query: "subscription ($runId: ID!, $after: Int!) { runEvents(runId: $runId, after: $after) { seq type payload } }", variables });
      for await (const { data, errors } of batches) {
        if (errors) throw new AppError(String(errors[0]?.extensions?.["code"] ?? "INTERNAL"), errors.map((e) => e.message).join("; "));
        for (const event of data!.runEvents) { variables.after = event.seq; onEvent(event); }
      }
    } finally {
      await client.dispose();
    }
  }
}

export interface RunEvent { readonly seq: number; readonly type: string; readonly payload: Readonly<Record<string, unknown>> }
