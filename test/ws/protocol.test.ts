import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { getIntrospectionQuery } from "graphql";
import { WebSocket } from "ws";

import { loadConfig } from "../../services/common/config.ts";
import { startServer } from "../../services/gateway/server.ts";
import { MAX_OPERATIONS } from "../../services/gateway/websocket.ts";
import { type Api, openApi, STRICT_LIMITS } from "../support/api.ts";
import { BEYOND_LIMITS } from "../support/documents.ts";
import { RawWsClient } from "../support/raw-ws-client.ts";

let api: Api;
let client: RawWsClient;

before(async () => {
  api = await openApi(STRICT_LIMITS);
  client = await RawWsClient.open(api.url);
});
after(async () => {
  client.socket.terminate();
  await api.close();
});

describe("limits over WebSocket", () => {
  for (const [what, query] of Object.entries(BEYOND_LIMITS)) {
    it(`refuses a document that is too ${what}`, async () => {
      client.subscribe(what, query);
      const frame = await client.next();
      assert.deepEqual([frame.type, frame.payload[0].extensions.code], ["error", "QUERY_TOO_COMPLEX"]);
    });
  }

  it("lets GraphiQL's introspection through", async () => {
    client.subscribe("i", getIntrospectionQuery());
    assert.ok((await client.next()).payload.data.__schema.types.length > 20);
    assert.equal((await client.next()).type, "complete");
  });

  it("bounds the operations that one socket has open, and frees what is complete", async () => {
    const own = await RawWsClient.open(api.url);
    for (let i = 0; i < MAX_OPERATIONS; i++) own.subscribe(`s${i}`, "subscription { runsChanged { runId } }");
    own.subscribe("over", "subscription { runsChanged { runId } }");
    const frame = await own.next();
    assert.deepEqual([frame.type, frame.id, frame.payload[0].extensions.code], ["error", "over", "QUERY_TOO_COMPLEX"]);
    own.send({ type: "complete", id: "s0" });
    own.subscribe("again", "{ datasets { name } }");
    assert.equal((await own.next()).type, "next");
    await own.close();
  });

  it("closes a socket that sends more than a message may have", async () => {
    const own = await RawWsClient.open(api.url);
    own.send({ type: "subscribe", id: "1", payload: { query: "{ datasets { name } }", variables: { x: "y".repeat(5 * 1024 * 1024) } } });
    assert.equal((await own.closed).code, 1009);
  });
});

describe("the protocol", () => {
  it("answers queries and mutations with the same codes and fields as HTTP", async () => {
    client.subscribe("q", "{ datasets { name available } }");
    assert.deepEqual((await client.drain("q"))[0].data.datasets.length, 3);
    client.subscribe("m", "mutation($input: TrainModelInput!) { trainModel(input: $input) { id } }", { input: { name: "", dataset: "mnist-digits", architecture: "TINY_CNN" } });
    const [payload] = await client.drain("m");
    assert.deepEqual([payload.data, payload.errors[0].extensions.code, payload.errors[0].extensions.field], [null, "INVALID_INPUT", "input.name"]);
  });

  it("has GraphQL's codes for what GraphQL refuses", async () => {
    const cases: [string, object, string, string?][] = [
      ["{ nope }", {}, "GRAPHQL_VALIDATION_FAILED"], ["{", {}, "GRAPHQL_PARSE_FAILED"],
      ["query($first: Int!) { runs(first: $first) { edges { cursor } } }", { first: "x" }, "INVALID_INPUT", "first"],
      ["mutation($input: AttackModelInput!) { attackModel(input: $input) { id } }", { input: { model: "x", attack: {} } }, "INVALID_INPUT", "input.attack"],
    ];
    for (const [i, [query, variables, code, field]] of cases.entries()) {
      client.subscribe(`e${i}`, query, variables);
      const frame = await client.next();
      const error = frame.type === "error" ? frame.payload[0] : frame.payload.errors[0];
      assert.deepEqual([error.extensions.code, error.extensions.field], [code, field], JSON.stringify(frame));
      if (frame.type === "next") assert.equal((await client.next()).type, "complete");
    }
  });

  it("refuses pages of other sites, foreign names and other paths during the handshake", async () => {
    const { host } = new URL(api.url);
    const own = await RawWsClient.connect(api.url, { origin: `http://${host}` });
    await own.close();
    for (const origin of ["http://evil.example", "null", `http://${host}.evil.example`, `http://${host}0`]) await assert.rejects(RawWsClient.connect(api.url, { origin }), /refused with 403/, origin);
    await assert.rejects(RawWsClient.connect(api.url, { host: "evil.example", origin: "http://evil.example" }), /refused with 403/);
    const elsewhere = new WebSocket(`${api.url.replace(/^http/, "ws")}/other`, "graphql-transport-ws");
    assert.equal(await new Promise((resolve) => { elsewhere.once("unexpected-response", (_request, response) => { elsewhere.on("error", () => undefined); elsewhere.terminate(); resolve(response.statusCode); }); }), 404);
  });

  it("closes with the protocol's codes on operations before the handshake, on nonsense and on an id twice", async () => {
    const early = await RawWsClient.connect(api.url);
    early.subscribe("1", "{ datasets { name } }");
    assert.equal((await early.closed).code, 4401);
    const nonsense = await RawWsClient.connect(api.url);
    nonsense.socket.send("{");
    assert.equal((await nonsense.closed).code, 4400);
    const twice = await RawWsClient.open(api.url);
    twice.subscribe("1", "subscription { runsChanged { runId } }");
    twice.subscribe("1", "subscription { runsChanged { runId } }");
    assert.equal((await twice.closed).code, 4409);
  });

  it("a client that ignores the end holds up neither readiness nor the end", async () => {
    const server = await startServer({ config: { ...loadConfig({ NODE_TEST_CONTEXT: "1" }), port: 0 }, database: api.database, agent: false });
    const deaf = await RawWsClient.open(server.url);
    deaf.socket.pause();
    const closing = server.close();
    const ready = await fetch(`${server.url}/readyz`);
    assert.deepEqual([ready.status, await ready.json()], [503, { status: "draining" }]);
    await closing;
    deaf.socket.terminate();
  });
});
