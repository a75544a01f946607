import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { sql } from "drizzle-orm";

import type { RunEvent } from "../../schema/jobs/run-event.ts";
import { newId } from "../../services/common/ids.ts";
import { appendEvents } from "../../services/store/events.store.ts";
import { requestCancel } from "../../services/store/runs.store.ts";
import { type Api, openApi } from "../support/api.ts";
import { RawWsClient } from "../support/raw-ws-client.ts";
import { makeRun, trainConfig } from "../support/runs.ts";

const EVENTS = "subscription($runId: ID!, $after: Int! = 0) { runEvents(runId: $runId, after: $after) { seq type runId payload } }";

let api: Api;
const clients: RawWsClient[] = [];

before(async () => { api = await openApi(); });
after(async () => {
  for (const client of clients) client.socket.terminate();
  await api.close();
});

async function open(): Promise<RawWsClient> {
  const client = await RawWsClient.open(api.url);
  clients.push(client);
  return client;
}

const note = (text: string): RunEvent => ({ type: "NOTE", payload: { message: text } });

async function append(runId: string, count: number, text = "x"): Promise<void> {
  await api.database.db.transaction((tx) => appendEvents(tx, runId, 0, Array.from({ length: count }, () => note(text))));
}

/** Numbers of the next batch. */
async function batch(client: RawWsClient): Promise<number[]> {
  const frame = await client.next();
  assert.equal(frame.type, "next", JSON.stringify(frame));
  return frame.payload.data.runEvents.map((event: { seq: number }) => event.seq);
}

/** Numbers until there are as many as `last`. */
async function until(client: RawWsClient, last: number): Promise<number[]> {
  const got: number[] = [];
  while (got.at(-1) !== last) got.push(...await batch(client));
  return got;
}

async function rest(client: RawWsClient, id: string): Promise<number[]> {
  return (await client.drain(id)).flatMap((payload) => payload.data.runEvents.map((event: { seq: number }) => event.seq));
}

const upTo = (n: number, from = 1): number[] => Array.from({ length: n - from + 1 }, (_, i) => from + i);

describe("subscription runEvents", () => {
  it("gives history, then live events, without gap or duplicate, and completes with the run", async () => {
    const run = await makeRun(api.database, trainConfig());
    await append(run.id, 1200);
    const client = await open();
    client.subscribe("1", EVENTS, { runId: run.id });
    const history = await until(client, 1201);
    for (let i = 0; i < 20; i++) await append(run.id, 3);
    await requestCancel(api.database, run.id);
    const live = await rest(client, "1");
    assert.deepEqual([...history, ...live], upTo(1201 + 60 + 2));
  });

  it("goes on after a broken connection from the last number received", async () => {
    const run = await makeRun(api.database, trainConfig());
    await append(run.id, 10);
    const first = await open();
    first.subscribe("1", EVENTS, { runId: run.id });
    const before = await until(first, 11);
    first.socket.terminate();
    await append(run.id, 10);
    const second = await open();
    second.subscribe("1", EVENTS, { runId: run.id, after: before.at(-1) });
    const during = await until(second, 21);
    await requestCancel(api.database, run.id);
    assert.deepEqual([...before, ...during, ...await rest(second, "1")], upTo(23));
  });

  it("of a run that has ended gives what is left of its log, and completes", async () => {
    const run = await makeRun(api.database, trainConfig());
    await requestCancel(api.database, run.id);
    const client = await open();
    for (const [i, after] of [0, 1, 2, 3].entries()) {
      client.subscribe(String(i), EVENTS, { runId: run.id, after });
      assert.deepEqual(await rest(client, String(i)), upTo(3, after + 1));
    }
  });

  it("shows what happened in each event", async () => {
    const run = await makeRun(api.database, trainConfig());
    await append(run.id, 1, "hello");
    await requestCancel(api.database, run.id);
    const client = await open();
    client.subscribe("1", EVENTS, { runId: run.id });
    const events = (await client.drain("1")).flatMap((payload) => payload.data.runEvents);
    assert.deepEqual(events.map((e: { type: string }) => e.type), ["QUEUED", "NOTE", "CANCEL_REQUESTED", "CANCELLED"]);
    assert.deepEqual(events[1], { seq: 2, type: "NOTE", runId: run.id, payload: { message: "hello" } });
  });

  it("many at once over several sockets, begun at different times, all see the same log", async () => {
    const run = await makeRun(api.database, trainConfig());
    const all: Promise<number[]>[] = [];
    for (let i = 0; i < 12; i++) {
      const client = await open();
      client.subscribe("1", EVENTS, { runId: run.id });
      all.push(rest(client, "1"));
      await append(run.id, 40);
    }
    await requestCancel(api.database, run.id);
    for (const each of all) assert.deepEqual(await each, upTo(1 + 12 * 40 + 2));
  });

  it("a client that does not read slows nobody, and gets everything once it reads again", async () => {
    const run = await makeRun(api.database, trainConfig());
    const [slow, quick] = [await open(), await open()];
    slow.subscribe("1", EVENTS, { runId: run.id });
    assert.deepEqual(await batch(slow), [1]);
    slow.socket.pause();
    quick.subscribe("1", EVENTS, { runId: run.id });
    const quickly = rest(quick, "1");
    // 20 MB: more than the sockets' buffers take, so the server has to wait for the slow one.
    for (let i = 0; i < 100; i++) await append(run.id, 50, "y".repeat(4000));
    await requestCancel(api.database, run.id);
    assert.deepEqual(await quickly, upTo(5003));
    slow.socket.resume();
    assert.deepEqual(await rest(slow, "1"), upTo(5003, 2));
  });

  it("stops when the client says complete, and the socket goes on", async () => {
    const run = await makeRun(api.database, trainConfig());
    const client = await open();
    client.subscribe("1", EVENTS, { runId: run.id });
    assert.deepEqual(await batch(client), [1]);
    client.send({ type: "complete", id: "1" });
    client.subscribe("2", EVENTS, { runId: run.id });
    assert.deepEqual(await batch(client), [1]);
    await append(run.id, 1);
    const frame = await client.next();
    assert.equal(frame.id, "2", "nothing of the first any more");
  });

  it("refuses runs that there are not and numbers that the run has not reached", async () => {
    const run = await makeRun(api.database, trainConfig());
    const client = await open();
    const cases = [[{ runId: newId() }, "NOT_FOUND", "runId"], [{ runId: "x" }, "NOT_FOUND", "runId"], [{ runId: run.id, after: 2 }, "INVALID_INPUT", "after"], [{ runId: run.id, after: -1 }, "INVALID_INPUT", "after"]] as const;
    for (const [i, [variables, code, field]] of cases.entries()) {
      client.subscribe(String(i), EVENTS, variables);
      const frame = await client.next();
      const error = frame.type === "error" ? frame.payload[0] : frame.payload.errors[0];
      assert.deepEqual([error.extensions.code, error.extensions.field], [code, field]);
      if (frame.type === "next") assert.equal((await client.next()).type, "complete");
    }
  });
});

describe("subscription runsChanged", () => {
  const CHANGES = "subscription { runsChanged { runId status run { kind } } }";

  it("tells of new runs and changed statuses, and of nothing else", async () => {
    const client = await open();
    client.subscribe("1", CHANGES);
    // A query on the same socket is answered after the subscription has begun.
    client.subscribe("2", "{ datasets { name } }");
    assert.equal((await client.next()).id, "2");
    assert.equal((await client.next()).type, "complete");
    const next = async () => (await client.next()).payload.data.runsChanged;
    const old = await makeRun(api.database, trainConfig());
    // With PostgreSQL, what an earlier test did may still be told after the subscription began.
    let told = await next();
    while (told[0].runId !== old.id) told = await next();
    assert.deepEqual(told, [{ runId: old.id, status: "QUEUED", run: { kind: "TRAIN" } }]);
    const run = await makeRun(api.database, trainConfig());
    assert.deepEqual(await next(), [{ runId: run.id, status: "QUEUED", run: { kind: "TRAIN" } }]);
    await append(old.id, 5);
    await requestCancel(api.database, old.id);
    assert.deepEqual(await next(), [{ runId: old.id, status: "CANCELLED", run: { kind: "TRAIN" } }]);
    await api.database.db.execute(sql`select pg_notify('runs_changed', ${run.id})`); // a wake-up without a change
    await requestCancel(api.database, run.id);
    assert.deepEqual(await next(), [{ runId: run.id, status: "CANCELLED", run: { kind: "TRAIN" } }]);
  });
});
