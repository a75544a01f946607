import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { blobPath, writeBlob } from "../../services/common/blob-files.ts";
import { parseRange } from "../../services/gateway/http/range.ts";
import { registerBlobs } from "../../services/store/blobs.store.ts";
import { type Api, openApi } from "../support/api.ts";

let api: Api;
const bytes = randomBytes(300_000);
let sha256: string;

async function store(content: Uint8Array, contentType: string): Promise<string> {
  const blob = await writeBlob(api.blobDir, content, contentType);
  await api.database.db.transaction((tx) => registerBlobs(tx, api.blobDir, [blob], null));
  return blob.sha256;
}

before(async () => {
  api = await openApi();
  sha256 = await store(bytes, "image/png");
});
after(() => api.close());

const blob = (headers: Record<string, string> = {}, method = "GET", name = sha256) => fetch(`${api.url}/blobs/${name}`, { method, headers });
const bodyOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

/** Sends the path as it is, without a client that tidies it up. */
function raw(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(api.url);
    let answer = "";
    const socket = connect(Number(port), hostname, () => socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`));
    socket.on("data", (chunk) => { answer += chunk.toString("latin1"); });
    socket.on("end", () => resolve(answer));
    socket.on("error", reject);
  });
}

describe("blobs", () => {
  it("are sent whole, with type, name and a year of cache", async () => {
    const response = await blob();
    assert.equal(response.status, 200);
    const headers = ["content-type", "content-length", "etag", "cache-control", "accept-ranges", "x-content-type-options"].map((name) => response.headers.get(name));
    assert.deepEqual(headers, ["image/png", "300000", `"${sha256}"`, "public, max-age=31536000, immutable", "bytes", "nosniff"]);
    assert.ok((await bodyOf(response)).equals(bytes));
  });

  it("HEAD has the headers and no body", async () => {
    const response = await blob({}, "HEAD");
    assert.deepEqual([response.status, response.headers.get("content-length"), (await bodyOf(response)).length], [200, "300000", 0]);
  });

  it("an empty one is empty", async () => {
    const response = await blob({}, "GET", await store(new Uint8Array(0), "application/octet-stream"));
    assert.deepEqual([response.status, response.headers.get("content-length"), (await bodyOf(response)).length], [200, "0", 0]);
  });

  for (const [header, start, end] of [["bytes=0-99", 0, 100], ["bytes=299999-", 299_999, 300_000], ["bytes=-5", 299_995, 300_000], ["bytes=100-999999999", 100, 300_000], ["bytes=-999999999", 0, 300_000]] as const) {
    it(`Range: ${header} is exactly those bytes`, async () => {
      const response = await blob({ range: header });
      assert.equal(response.status, 206);
      assert.equal(response.headers.get("content-range"), `bytes ${start}-${end - 1}/300000`);
      assert.ok((await bodyOf(response)).equals(bytes.subarray(start, end)));
    });
  }

  for (const header of ["bytes=300000-", "bytes=400000-500000", "bytes=-0"]) {
    it(`Range: ${header} cannot be satisfied`, async () => {
      const response = await blob({ range: header });
      assert.deepEqual([response.status, response.headers.get("content-range"), ((await response.json()) as any).error.code], [416, "bytes */300000", "RANGE_NOT_SATISFIABLE"]);
    });
  }

  for (const header of ["bytes=5-2", "bytes=0-1,5-6", "lines=1-2", "bytes=-", "bytes=a-b"]) {
    it(`Range: ${header} is answered in full`, async () => {
      const response = await blob({ range: header });
      assert.equal(response.status, 200);
      assert.equal((await bodyOf(response)).length, 300_000);
    });
  }

  it("does not send again what a client has", async () => {
    for (const tag of [`"${sha256}"`, `W/"${sha256}"`, `"x", "${sha256}"`, "*"]) assert.equal((await blob({ "if-none-match": tag })).status, 304, tag);
    assert.equal((await blob({ "if-none-match": '"x"' })).status, 200);
  });

  it("sends a range only of the file that the client means", async () => {
    assert.equal((await blob({ range: "bytes=0-1", "if-range": `"${sha256}"` })).status, 206);
    assert.equal((await blob({ range: "bytes=0-1", "if-range": '"other"' })).status, 200);
  });

  it("are not found when no row knows them, even if a file of that name lies there", async () => {
    const { sha256: unregistered } = await writeBlob(api.blobDir, Buffer.from("not registered"), "text/plain");
    for (const name of [unregistered, "0".repeat(64), "x", sha256.toUpperCase(), `${sha256}0`]) {
      const response = await blob({}, "GET", name);
      assert.deepEqual([response.status, ((await response.json()) as any).error.code, response.headers.get("cache-control")], [404, "NOT_FOUND", "no-store"], name);
    }
  });

  it("cannot be left by any path", async () => {
    writeFileSync(join(api.blobDir, "..", "secret.txt"), "SECRET");
    const paths = ["/blobs/../secret.txt", "/blobs/..%2fsecret.txt", "/blobs/%2e%2e/secret.txt", "/blobs/..%5csecret.txt", "/blobs//../secret.txt", "/blobs/%00", `/blobs/${sha256}%00`, `/blobs/${sha256}/../../secret.txt`, "/blobs/%", "/blobs/", "/blobs/%ff", `/blobs/${sha256.slice(0, 2)}/${sha256.slice(2)}`];
    for (const path of paths) {
      const answer = await raw(path);
      assert.match(answer, /^HTTP\/1\.1 40[04] /, path);
      assert.match(answer, /"code":"(NOT_FOUND|INVALID_INPUT)"/, path);
      assert.doesNotMatch(answer, /SECRET/, path);
    }
  });

  it("a row whose file has gone is a 404, not a hang", async () => {
    const gone = await store(Buffer.from("soon gone"), "text/plain");
    rmSync(blobPath(api.blobDir, gone));
    assert.equal((await blob({}, "GET", gone)).status, 404);
  });
});

describe("parseRange", () => {
  it("never leaves the file, whatever the header", () => {
    for (const size of [0, 1, 7]) {
      for (const first of ["", "0", "1", "6", "7", "99"]) {
        for (const last of ["", "0", "1", "6", "7", "99"]) {
          const range = parseRange(`bytes=${first}-${last}`, size);
          if (typeof range === "string") continue;
          assert.ok(range.start >= 0 && range.start <= range.end && range.end < size, `bytes=${first}-${last} of ${size}: ${JSON.stringify(range)}`);
        }
      }
    }
  });
});
