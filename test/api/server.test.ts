import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { loadConfig } from "../../services/common/config.ts";
import { createErrorFormatter } from "../../services/gateway/format-error.ts";
import { createLogger } from "../../services/common/log.ts";
import { AppError } from "../../services/common/errors.ts";
import { assertBindable } from "../../services/gateway/http/loopback.ts";
import { startServer } from "../../services/gateway/server.ts";
import { GraphQLError } from "graphql";
import { type Api, openApi } from "../support/api.ts";
import { RawWsClient } from "../support/raw-ws-client.ts";

describe("server", () => {
  let api: Api;
  before(async () => { api = await openApi(); });
  after(() => api.close());

  it("is alive and ready", async () => {
    assert.deepEqual(await (await fetch(`${api.url}/healthz`)).json(), { status: "ok" });
    assert.deepEqual(await (await fetch(`${api.url}/readyz`)).json(), { status: "ready" });
  });

  it("says why it cannot listen, and leaves nothing open", async () => {
    const config = { ...loadConfig({ NODE_TEST_CONTEXT: "1" }), port: Number(new URL(api.url).port) };
    await assert.rejects(startServer({ config, database: api.database, agent: false }), { code: "CONFIG_INVALID", message: /in use|EADDRINUSE/ });
    await api.database.ping();
  });

  it("closes its sockets with 1001 and then refuses connections; closing again does nothing", async () => {
    const own = await startServer({ config: { ...loadConfig({ NODE_TEST_CONTEXT: "1" }), port: 0 }, database: api.database, agent: false });
    const client = await RawWsClient.open(own.url);
    client.subscribe("1", "subscription { runsChanged { runId } }");
    await own.close();
    assert.equal((await client.closed).code, 1001);
    await assert.rejects(fetch(`${own.url}/healthz`));
    await own.close();
    await api.database.ping(); // the caller's, still open
  });
});

describe("binding", () => {
  it("takes loopback addresses only, unless it is asked for", () => {
    for (const host of ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"]) assertBindable(host, false);
    for (const host of ["0.0.0.0", "::", "192.168.1.2", "example.org", "127.0.0.1.example.org"]) {
      assert.throws(() => assertBindable(host, false), { code: "CONFIG_INVALID", message: /no authentication yet.*LORENZ_ALLOW_REMOTE=1/ });
      assertBindable(host, true);
    }
  });
});

describe("format-error", () => {
  const lines: string[] = [];
  const format = createErrorFormatter(createLogger("error", { write: (line) => { lines.push(line); } }));
  const raised = (originalError: Error) => new GraphQLError(originalError.message, { originalError, path: ["run"] });

  it("tells callers what they can mend, and where", () => {
    const error = raised(new AppError("INVALID_INPUT", "input.epochs: expected more", { field: "input.epochs", issues: [], secret: "x" }));
    assert.deepEqual(format(error), { message: "input.epochs: expected more", path: ["run"], extensions: { code: "INVALID_INPUT", field: "input.epochs", issues: [] } });
    assert.deepEqual(lines, []);
  });

  it("hides everything else behind an incident that is logged in full, once", () => {
    const secrets = [new Error("password is hunter2"), new AppError("INVARIANT", "hunter2"), new AppError("BLOB_CORRUPT", "/home/u/hunter2"), new AppError("NO_SUCH_CODE", "hunter2")];
    for (const error of [...secrets, ...secrets.map(raised), new GraphQLError("hunter2"), "hunter2", null, undefined, 7, { toString() { throw new Error("no"); } }]) {
      lines.length = 0;
      const shown = format(error);
      assert.equal(shown.extensions!["code"], "INTERNAL");
      assert.doesNotMatch(JSON.stringify(shown), /hunter2/);
      assert.equal(lines.length, 1);
      assert.ok(lines[0]!.includes(shown.extensions!["incident"] as string));
    }
  });
});
