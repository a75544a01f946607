import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type ClientRequest, request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { eq, sql } from "drizzle-orm";

import type { RunConfig } from "../../schema/jobs/run-config.ts";
import { blobs, runs } from "../../schema/tables/tables.ts";
import { blobPath } from "../../services/common/blob-files.ts";
import type { Clock } from "../../services/common/clock.ts";
import { keptBytes, sweepUploadFiles } from "../../services/common/upload-files.ts";
import { findBlob, sweepOrphans, sweepUploads, UPLOAD_KEPT_HOURS } from "../../services/store/blobs.store.ts";
import { type Api, openApi } from "../support/api.ts";

const MAX = 400_000;
let api: Api;
before(async () => { api = await openApi({ maxUploadBytes: MAX }); });
after(() => api.close());

const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const fresh = (size = 100_000): { bytes: Buffer; sha256: string } => { const bytes = randomBytes(size); return { bytes, sha256: hashOf(bytes) }; };
const put = (sha256: string, body: Uint8Array, headers: Record<string, string> = {}) => fetch(`${api.url}/blobs/${sha256}`, { method: "PUT", body: body as BodyInit, headers });
const range = (first: number, last: number, total: number) => ({ "content-range": `bytes ${first}-${last}/${total}` });
const offset = async (sha256: string) => { const { status, headers } = await fetch(`${api.url}/blobs/${sha256}`, { method: "HEAD" }); return [status, headers.get("upload-offset")]; };
const faultOf = async (response: Response) => { const { error } = await response.json() as { error: { code: string; field?: string; message: string } }; return [response.status, error.code, error.field]; };
const leftovers = () => existsSync(join(api.blobDir, ".uploads")) ? readdirSync(join(api.blobDir, ".uploads")) : [];

/** Begins a PUT whose body never ends. */
function open(sha256: string, headers: Record<string, string | number>): ClientRequest {
  const request = httpRequest(`${api.url}/blobs/${sha256}`, { method: "PUT", headers });
  request.on("error", () => undefined); // it is going to be broken off
  return request;
}

/** Sends the first bytes of a file and breaks the connection when the server has stored them all. */
async function breakOff(sha256: string, bytes: Buffer, count: number): Promise<void> {
  const request = open(sha256, { "content-length": bytes.length });
  request.write(bytes.subarray(0, count));
  while (!leftovers().some((name) => name.startsWith(`${sha256}.`) && readFileSync(join(api.blobDir, ".uploads", name)).length === count)) await new Promise(setImmediate);
  request.destroy();
  while (await keptBytes(api.blobDir, sha256) !== count) await new Promise(setImmediate);
}

describe("PUT /blobs/:sha256", () => {
  it("stores a file, which is then served, and a second time finds it there", async () => {
    const { bytes, sha256 } = fresh();
    assert.deepEqual(await offset(sha256), [404, "0"]);
    const first = await put(sha256, bytes);
    assert.deepEqual([first.status, await first.json()], [201, { sha256, bytes: bytes.length }]);
    const got = await fetch(`${api.url}/blobs/${sha256}`);
    assert.deepEqual([got.headers.get("content-type"), Buffer.from(await got.arrayBuffer()).equals(bytes)], ["application/octet-stream", true]);
    assert.deepEqual(await offset(sha256), [200, String(bytes.length)]);
    assert.equal((await put(sha256, bytes)).status, 200);
    assert.deepEqual(leftovers(), []);
  });

  it("stores an empty file, and one that comes without a length", async () => {
    const empty = hashOf(new Uint8Array(0));
    assert.equal((await put(empty, new Uint8Array(0))).status, 201);
    const { bytes, sha256 } = fresh();
    const response = await fetch(`${api.url}/blobs/${sha256}`, { method: "PUT", body: new Blob([bytes as BlobPart]).stream(), duplex: "half" } as RequestInit);
    assert.equal(response.status, 201);
  });

  it("goes on where a broken connection left off, as curl -C does", async () => {
    const { bytes, sha256 } = fresh();
    await breakOff(sha256, bytes, 40_000);
    assert.deepEqual(await offset(sha256), [404, "40000"]);
    assert.equal((await fetch(`${api.url}/blobs/${sha256}`)).status, 404, "what is not complete is not served");
    const response = await put(sha256, bytes.subarray(40_000), range(40_000, 99_999, 100_000));
    assert.deepEqual([response.status, await response.json()], [201, { sha256, bytes: 100_000 }]);
    assert.ok(readFileSync(blobPath(api.blobDir, sha256)).equals(bytes));
    assert.deepEqual(leftovers(), []);
  });

  it("takes a file in parts, and each only where the last one ended", async () => {
    const { bytes, sha256 } = fresh();
    const part = (first: number, end: number) => put(sha256, bytes.subarray(first, end), range(first, end - 1, bytes.length));
    const first = await part(0, 30_000);
    assert.deepEqual([first.status, first.headers.get("upload-offset")], [202, "30000"]);
    const wrong = await part(50_000, 60_000);
    assert.equal(wrong.headers.get("upload-offset"), "30000");
    assert.deepEqual(await faultOf(wrong), [409, "CONFLICT", "Content-Range"]);
    assert.equal((await part(30_000, 60_000)).status, 202);
    assert.equal((await part(60_000, 100_000)).status, 201);
    assert.deepEqual(leftovers(), []);
  });

  it("refuses other bytes than the hash says and keeps nothing, also when only the first part was wrong", async () => {
    const { bytes, sha256 } = fresh();
    assert.deepEqual(await faultOf(await put(sha256, Buffer.concat([bytes, Buffer.from("x")]))), [400, "INVALID_INPUT", "sha256"]);
    await breakOff(sha256, randomBytes(100_000), 50_000);
    assert.deepEqual(await faultOf(await put(sha256, bytes.subarray(50_000), range(50_000, 99_999, 100_000))), [400, "INVALID_INPUT", "sha256"]);
    assert.deepEqual([leftovers(), existsSync(blobPath(api.blobDir, sha256)), await findBlob(api.database.db, sha256)], [[], false, undefined]);
    assert.equal((await put(sha256, bytes)).status, 201, "and then takes the right ones");
  });

  it("refuses a file that is too large, whether its length is told or not", async () => {
    const { bytes, sha256 } = fresh(MAX + 1);
    assert.deepEqual(await faultOf(await put(sha256, bytes)), [413, "UPLOAD_TOO_LARGE", "body"]);
    assert.deepEqual(await faultOf(await put(sha256, bytes.subarray(0, 5), range(0, 4, MAX + 1))), [413, "UPLOAD_TOO_LARGE", "body"]);
    const unsaid = await fetch(`${api.url}/blobs/${sha256}`, { method: "PUT", body: new Blob([bytes as BlobPart]).stream(), duplex: "half" } as RequestInit);
    assert.deepEqual(await faultOf(unsaid), [413, "UPLOAD_TOO_LARGE", "body"]);
    assert.deepEqual(leftovers(), []);
    const most = fresh(MAX);
    assert.equal((await put(most.sha256, most.bytes)).status, 201);
  });

  it("refuses before the body is sent, if the client asks first", async () => {
    const { sha256 } = fresh();
    const request = open(sha256, { "content-length": MAX + 1, expect: "100-continue" });
    let told = false;
    request.on("continue", () => { told = true; }).flushHeaders();
    const [response] = await once(request, "response") as [{ statusCode: number }];
    assert.deepEqual([response.statusCode, told], [413, false]);
    request.destroy();
    const { bytes, sha256: other } = fresh();
    const asked = open(other, { "content-length": bytes.length, expect: "100-continue" });
    asked.flushHeaders();
    await once(asked, "continue");
    asked.end(bytes);
    assert.equal((await once(asked, "response") as [{ statusCode: number }])[0].statusCode, 201);
  });

  const { bytes, sha256 } = fresh(10);
  const refused: [string, string, Record<string, string>, string][] = [
    ["a name that is no hash", "abc", {}, "sha256"], ["an upper-case hash", sha256.toUpperCase(), {}, "sha256"], ["a path", "..%2f..%2fx", {}, "sha256"],
    ["a page of another origin", sha256, { origin: "http://evil.example" }, "Origin"], ["a compressed body", sha256, { "content-encoding": "gzip" }, "Content-Encoding"],
    ["a range without a total", sha256, { "content-range": "bytes 0-9/*" }, "Content-Range"], ["a range of another unit", sha256, { "content-range": "lines 0-9/10" }, "Content-Range"],
    ["a range that ends before it begins", sha256, range(5, 4, 10), "Content-Range"], ["a range beyond the total", sha256, range(0, 10, 10), "Content-Range"], ["a range of another length", sha256, range(0, 4, 10), "Content-Length"],
  ];
  for (const [what, name, headers, field] of refused) {
    it(`refuses ${what}`, async () => {
      assert.deepEqual(await faultOf(await put(name, bytes, headers)), [400, "INVALID_INPUT", field]);
      assert.deepEqual(leftovers(), []);
    });
  }

  it("several clients may bring the same file at once", async () => {
    const { bytes: same, sha256: name } = fresh(MAX);
    const statuses = await Promise.all(Array.from({ length: 5 }, async () => (await put(name, same)).status));
    assert.ok(statuses.every((status) => status === 201 || status === 200) && statuses.includes(201), statuses.join());
    assert.ok(readFileSync(blobPath(api.blobDir, name)).equals(same));
    assert.deepEqual(leftovers(), []);
  });

  it("one that brings wrong bytes does not disturb one that brings the right ones", async () => {
    const { bytes: right, sha256: name } = fresh();
    const wrong = open(name, { "content-length": 100_000 });
    wrong.write(randomBytes(50_000));
    while (leftovers().length === 0) await new Promise(setImmediate);
    assert.equal((await put(name, right)).status, 201);
    wrong.end(randomBytes(50_000));
    assert.equal((await once(wrong, "response") as [{ statusCode: number }])[0].statusCode, 400);
    assert.ok(readFileSync(blobPath(api.blobDir, name)).equals(right));
  });

  it("mends a blob whose file has gone", async () => {
    const { bytes: own, sha256: name } = fresh();
    await put(name, own);
    rmSync(blobPath(api.blobDir, name));
    assert.equal((await put(name, own)).status, 201);
    assert.ok(readFileSync(blobPath(api.blobDir, name)).equals(own));
  });
});

describe("what nobody needs any more goes:", () => {
  const later = (hours: number): Clock => ({ now: () => Date.now() + hours * 3_600_000, nowIso: () => "", monotonic: () => 0 });
  const age = (sha256: string, hours: number) => api.database.db.update(blobs).set({ uploadedAt: sql`now() - make_interval(hours => ${hours})` }).where(eq(blobs.sha256, sha256));

  it("uploads, unless they were brought again", async () => {
    const [old, again] = [fresh(), fresh()];
    for (const { bytes, sha256 } of [old, again]) {
      await put(sha256, bytes);
      await age(sha256, UPLOAD_KEPT_HOURS + 1);
    }
    await put(again.sha256, again.bytes);
    await sweepUploads(api.database.db, api.blobDir);
    assert.deepEqual([old, again].map(({ sha256 }) => existsSync(blobPath(api.blobDir, sha256))), [false, true]);
    assert.deepEqual([await findBlob(api.database.db, old.sha256), (await findBlob(api.database.db, again.sha256))?.sha256], [undefined, again.sha256]);
  });

  it("interrupted uploads", async () => {
    const { bytes, sha256 } = fresh();
    await breakOff(sha256, bytes, 1000);
    assert.equal(await sweepUploadFiles(api.blobDir, 3_600_000, later(0.5)), 0);
    assert.equal(await sweepUploadFiles(api.blobDir, 3_600_000, later(2)), 1);
    assert.deepEqual([leftovers(), await offset(sha256)], [[], [404, "0"]]);
  });

  it("files that no row knows, once they are old", async () => {
    const { bytes, sha256 } = fresh();
    const kept = fresh();
    await put(kept.sha256, kept.bytes);
    await put(sha256, bytes);
    await api.database.db.delete(blobs).where(eq(blobs.sha256, sha256));
    await sweepOrphans(api.database.db, api.blobDir, 3_600_000, later(0.5));
    assert.ok(existsSync(blobPath(api.blobDir, sha256)));
    const [atWork] = await api.database.db.insert(runs).values({ id: randomUUID(), kind: "predict", status: "running", config: {} as RunConfig, seed: "1", requestHash: "", startedAt: new Date(0) }).returning({ id: runs.id });
    await sweepOrphans(api.database.db, api.blobDir, 3_600_000, later(2)); // a run at work may have written it, and not said so yet
    assert.ok(existsSync(blobPath(api.blobDir, sha256)));
    await api.database.db.delete(runs).where(eq(runs.id, atWork!.id));
    await sweepOrphans(api.database.db, api.blobDir, 3_600_000, later(2));
    assert.deepEqual([sha256, kept.sha256].map((name) => existsSync(blobPath(api.blobDir, name))), [false, true]);
  });
});

describe("limits of the machine", () => {
  const support = (name: string) => fileURLToPath(new URL(`../support/${name}.ts`, import.meta.url));

  it("a full disk is said, and the file is dropped", () => {
    const folder = mkdtempSync(join(tmpdir(), "lorenz-full-"));
    try {
      const { bytes, sha256 } = fresh(3 * 2 ** 20);
      writeFileSync(join(folder, "body"), bytes);
      // No file may grow beyond 1 MiB: the same failure as a full disk, without filling one. tsx's own cache stays below.
      const script = 'ulimit -f 1024; exec "$0" --import tsx "$1" "$2/blobs" "$3" < "$2/body"';
      const { stdout, stderr } = spawnSync("bash", ["-c", script, process.execPath, support("upload-limits"), folder, sha256], { encoding: "utf8" });
      assert.deepEqual(JSON.parse(stdout || JSON.stringify(stderr)), { code: "STORAGE_FULL" });
      assert.deepEqual(readdirSync(join(folder, "blobs", ".uploads")), []);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("an upload far larger than the gateway's heap passes through a few megabytes", async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "lorenz-heap-"));
    const gateway = spawn(process.execPath, ["--max-old-space-size=128", "--import", "tsx", support("gateway-process"), dataDir], { stdio: ["pipe", "pipe", "inherit"] });
    try {
      const lines = createInterface({ input: gateway.stdout })[Symbol.asyncIterator]();
      const url = (await lines.next()).value as string;
      const peak = async (): Promise<number> => { gateway.stdin.write("?"); return Number((await lines.next()).value) * 1024; };
      const [chunk, count] = [randomBytes(2 ** 20), 384];
      const hash = createHash("sha256");
      for (let i = 0; i < count; i++) hash.update(chunk);
      const sha256 = hash.digest("hex");
      const before = await peak();
      const body = new ReadableStream({ pull(controller) { if (sent++ < count) controller.enqueue(chunk); else controller.close(); } });
      let sent = 0;
      const response = await fetch(`${url}/blobs/${sha256}`, { method: "PUT", body, duplex: "half" } as RequestInit);
      assert.deepEqual([response.status, await response.json()], [201, { sha256, bytes: count * 2 ** 20 }]);
      const grown = (await peak()) - before;
      assert.ok(grown < 96 * 2 ** 20, `expected the resident size to grow by less than 96 MiB, got ${(grown / 2 ** 20).toFixed(0)} MiB`);
    } finally {
      gateway.kill();
      await once(gateway, "close");
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});
