import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { type LoggedEvent, RunEventHub } from "../../services/gateway/runs/run-event-hub.ts";

/** A log in memory, that counts how often it is read and tells a hub when it grows. */
class MemoryLog {
  readonly events: LoggedEvent[] = [];
  reads = 0;
  failures = 0;
  #tell: ((payload: string | null) => void) | undefined;

  readonly read = async (_runId: string, after: number, limit: number): Promise<LoggedEvent[]> => {
    this.reads++;
    if (this.failures > 0) { this.failures--; throw new Error("the database is away"); }
    return this.events.slice(after, after + limit);
  };
  readonly listen = async (_channel: string, tell: (payload: string | null) => void): Promise<() => Promise<void>> => {
    this.#tell = tell;
    return async () => { this.#tell = undefined; };
  };

  append(count: number, type = "PROGRESS", tell: "own" | "missed" | "silent" = "own"): void {
    for (let i = 0; i < count; i++) this.events.push({ seq: this.events.length + 1, type });
    if (tell === "own") this.#tell?.(`run:${this.events.length}`);
    if (tell === "missed") this.#tell?.(null);
  }
}

async function hubOver(log: MemoryLog, options: { ring?: number; batch?: number; pollMs?: number } = {}): Promise<RunEventHub<LoggedEvent>> {
  return new RunEventHub({ read: log.read, listen: log.listen, ...options }).open();
}

async function seqs(stream: AsyncIterable<readonly LoggedEvent[]>): Promise<number[]> {
  const all: number[] = [];
  for await (const batch of stream) all.push(...batch.map((event) => event.seq));
  return all;
}

const upTo = (n: number, from = 1): number[] => Array.from({ length: n - from + 1 }, (_, i) => from + i);

describe("run event hub", () => {
  // The hub's own timer does not keep a process alive, and there is no socket here that would.
  let alive: NodeJS.Timeout;
  before(() => { alive = setInterval(() => undefined, 60_000); });
  after(() => clearInterval(alive));

  it("gives history, then what comes, without gap or duplicate, and ends with the run", async () => {
    const log = new MemoryLog();
    const hub = await hubOver(log, { batch: 7 });
    log.append(20);
    const stream = hub.subscribe("run", 0);
    const first = (await stream.next()).value!;
    assert.deepEqual(first.map((e) => e.seq), upTo(7));
    log.append(30);
    log.append(1, "SUCCEEDED");
    assert.deepEqual(await seqs(stream), upTo(51, 8));
    assert.equal(hub.readerCount, 0);
    await hub.close();
  });

  it("goes on from any cursor", async () => {
    const log = new MemoryLog();
    const hub = await hubOver(log, { batch: 10 });
    log.append(40);
    log.append(1, "FAILED");
    for (const after of [0, 1, 9, 10, 39, 40]) assert.deepEqual(await seqs(hub.subscribe("run", after)), upTo(41, after + 1));
    await hub.close();
  });

  it("a subscriber that fell behind the ring gets all of it from the log", async () => {
    const log = new MemoryLog();
    const hub = await hubOver(log, { ring: 16, batch: 8 });
    log.append(4);
    const slow = hub.subscribe("run", 0);
    assert.deepEqual((await slow.next()).value!.map((e) => e.seq), upTo(4));
    const quick = seqs(hub.subscribe("run", 0));
    log.append(200);
    log.append(1, "CANCELLED");
    assert.deepEqual(await quick, upTo(205));
    assert.deepEqual(await seqs(slow), upTo(205, 5));
    await hub.close();
  });

  it("a hundred subscribers cost one reader", async () => {
    const log = new MemoryLog();
    const hub = await hubOver(log);
    const all = Array.from({ length: 100 }, () => seqs(hub.subscribe("run", 0)));
    for (let i = 0; i < 50; i++) {
      log.append(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
    log.append(1, "SUCCEEDED");
    for (const each of all) assert.deepEqual(await each, upTo(501));
    assert.ok(log.reads <= 110, `${log.reads} reads`); // at most two a wake-up, not a hundred
    await hub.close();
  });

  it("reads again when notifications may have been missed, and at the poll", async () => {
    const log = new MemoryLog();
    const hub = await hubOver(log, { pollMs: 5 });
    const stream = hub.subscribe("run", 0);
    const waiting = stream.next();
    log.append(3, "PROGRESS", "missed");
    assert.equal((await waiting).value!.length, 3);
    const polled = stream.next();
    log.append(1, "PROGRESS", "silent");
    assert.equal((await polled).value!.length, 1);
    await stream.return();
    await hub.close();
  });

  it("survives a read that fails: the next wake-up catches up", async () => {
    const log = new MemoryLog();
    const hub = await hubOver(log);
    const stream = hub.subscribe("run", 0);
    const waiting = stream.next();
    await new Promise((resolve) => setImmediate(resolve));
    log.failures = 1;
    log.append(2);
    await new Promise((resolve) => setImmediate(resolve));
    log.append(1);
    assert.deepEqual((await waiting).value!.map((e) => e.seq), [1, 2, 3]);
    await stream.return();
    await hub.close();
  });

  it("lets go of a subscriber that leaves while it waits", async () => {
    const hub = await hubOver(new MemoryLog());
    const stream = hub.subscribe("run", 0);
    const waiting = stream.next();
    assert.equal(hub.readerCount, 1);
    await stream.return();
    assert.deepEqual(await waiting, { done: true, value: undefined });
    assert.equal(hub.readerCount, 0);
    await hub.close();
  });

  it("ends every stream when it closes", async () => {
    const hub = await hubOver(new MemoryLog());
    const waiting = hub.subscribe("run", 0).next();
    await hub.close();
    assert.equal((await waiting).done, true);
  });
});
