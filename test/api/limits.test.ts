import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, describe, it } from "node:test";
import { getIntrospectionQuery } from "graphql";

import { type Api, openApi, STRICT_LIMITS } from "../support/api.ts";
import { BEYOND_LIMITS } from "../support/documents.ts";

let api: Api;
before(async () => { api = await openApi(STRICT_LIMITS); });
after(() => api.close());

/** fetch sets Host by itself; this does not. */
function get(path: string, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    request(api.url + path, { headers }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => { body += chunk.toString(); });
      response.on("end", () => resolve({ status: response.statusCode!, body }));
    }).on("error", reject).end();
  });
}

describe("limits over HTTP", () => {
  for (const [what, query] of Object.entries(BEYOND_LIMITS)) {
    it(`refuses a document that is too ${what}`, async () => {
      const { code, message } = await api.fault(query);
      assert.equal(code, "QUERY_TOO_COMPLEX", message);
    });
  }

  it("fragments neither hide depth nor add any", async () => {
    const shallow = "query { models { edges { node { ...A } } } } fragment A on Model { trainingRun { ...B } } fragment B on Run { product { name } }";
    assert.ok(await api.ask(shallow));
    const query = "query { models { edges { node { ...A } } } } fragment A on Model { trainingRun { ...B } } fragment B on Run { product { trainingRun { product { id } } } }";
    assert.equal((await api.fault(query)).code, "QUERY_TOO_COMPLEX");
  });

  it("lets GraphiQL's introspection through", async () => {
    const { __schema } = await api.ask(getIntrospectionQuery({ inputValueDeprecation: true, schemaDescription: true, oneOf: true }));
    assert.ok(__schema.types.some((type: { name: string; isOneOf: boolean | null }) => type.name === "AttackInput" && type.isOneOf));
  });

  it("keeps GraphQL's own codes for what GraphQL refuses", async () => {
    assert.equal((await api.fault("{ nope }")).code, "GRAPHQL_VALIDATION_FAILED");
    assert.equal((await api.fault("{ models")).code, "GRAPHQL_PARSE_FAILED");
    assert.equal((await api.fault('mutation { attackModel(input: { model: "x", attack: { pgd: { epsilon: 0.1 }, inductiveOcclusion: {} } }) { id } }')).code, "GRAPHQL_VALIDATION_FAILED");
    assert.deepEqual(await api.fault("query($first: Int!) { runs(first: $first) { edges { cursor } } }", { first: "x" }).then((f) => [f.code, f.field]), ["INVALID_INPUT", "first"]);
    assert.deepEqual(await api.fault("query($first: Int!) { runs(first: $first) { edges { cursor } } }", {}).then((f) => [f.code, f.field]), ["INVALID_INPUT", "first"]);
  });

  it("answers no simple request: a page of another site could send it", async () => {
    const simple = await fetch(`${api.url}/graphql?query={datasets{name}}`);
    assert.deepEqual([simple.status, ((await simple.json()) as any).errors[0].extensions.code], [400, "BAD_REQUEST"]);
    const form = await fetch(`${api.url}/graphql`, { method: "POST", headers: { "content-type": "text/plain" }, body: '{"query":"{datasets{name}}"}' });
    assert.equal(form.status, 400);
    assert.equal((await fetch(`${api.url}/graphql?query={datasets{name}}`, { headers: { "apollo-require-preflight": "1" } })).status, 200);
  });

  it("refuses batches, bodies that are too large and bodies that are no JSON, with a code", async () => {
    const post = (body: string) => fetch(`${api.url}/graphql`, { method: "POST", headers: { "content-type": "application/json" }, body });
    const batch = await post('[{"query":"{datasets{name}}"}]');
    assert.equal(batch.status, 400);
    const large = await post(JSON.stringify({ query: "{ datasets { name } }", variables: { x: "y".repeat(4 * 1024 * 1024) } }));
    assert.deepEqual([large.status, ((await large.json()) as any).error.code], [413, "INVALID_INPUT"]);
    const broken = await post("{");
    assert.deepEqual([broken.status, ((await broken.json()) as any).error.code], [400, "INVALID_INPUT"]);
  });

  it("answers only to names of this machine", async () => {
    for (const host of ["evil.example", "evil.example:4000", "127.0.0.1.evil.example", "localhost.evil.example"]) {
      const refused = await get("/readyz", { host });
      assert.deepEqual([refused.status, JSON.parse(refused.body).error.code], [421, "INVALID_INPUT"], host);
    }
    for (const host of ["localhost", "localhost:4000", "127.0.0.1:1", "[::1]:4000"]) assert.equal((await get("/readyz", { host })).status, 200, host);
  });
});

describe("the page", () => {
  it("is GraphiQL for a browser on / and /graphql, whole and without an outside address", async () => {
    const headers = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
    for (const path of ["/", "/graphql"]) {
      const response = await fetch(api.url + path, { headers });
      assert.match(response.headers.get("content-type")!, /^text\/html/);
      assert.match(response.headers.get("content-security-policy")!, /default-src 'none'/);
      const html = await response.text();
      assert.match(html, /<title>Lorenz<\/title>/);
      assert.match(html, /"subscriptionsProtocol":"WS"/);
      assert.doesNotMatch(html, /<(script|link|img)[^>]+(src|href)="https?:/);
    }
  });

  it("leaves GraphQL clients on /graphql alone", async () => {
    const response = await fetch(`${api.url}/graphql?query={datasets{name}}`, { headers: { accept: "application/json", "apollo-require-preflight": "1" } });
    assert.match(response.headers.get("content-type")!, /^application\/json/);
  });

  it("anything else is a coded 404", async () => {
    const response = await fetch(`${api.url}/nothing`);
    assert.deepEqual([response.status, ((await response.json()) as any).error.code], [404, "NOT_FOUND"]);
  });
});
