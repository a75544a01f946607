import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it } from "node:test";

import { blobPath, openBlob, readBlob, removeBlob, requireBlob, verifyBlob, writeBlob } from "../../services/common/blob-files.ts";

const folder = mkdtempSync(join(tmpdir(), "lorenz-blobs-"));
after(() => rmSync(folder, { recursive: true }));

// sha256 of "abc": FIPS 180-4's own example.
const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

it("stores bytes under their sha256 and leaves no temporary file", async () => {
  const blob = await writeBlob(folder, Buffer.from("abc"), "text/plain");
  assert.deepEqual(blob, { sha256: ABC, bytes: 3, contentType: "text/plain" });
  assert.equal(blobPath(folder, ABC), join(folder, "ba", ABC.slice(2)));
  assert.equal(readFileSync(blobPath(folder, ABC), "utf8"), "abc");
  assert.deepEqual(readdirSync(folder).filter((name) => name.endsWith(".tmp")), []);
});

it("does not write again what is there, and the same bytes written at once give one file", async () => {
  const { ino } = statSync(blobPath(folder, ABC));
  await writeBlob(folder, Buffer.from("abc"), "text/plain");
  assert.equal(statSync(blobPath(folder, ABC)).ino, ino);
  const bytes = new Uint8Array(100_000).fill(7);
  const [first, ...rest] = await Promise.all(Array.from({ length: 8 }, () => writeBlob(folder, bytes, "application/octet-stream")));
  assert.ok(rest.every((blob) => blob.sha256 === first!.sha256));
  await verifyBlob(folder, first!.sha256);
});

it("mends a file of the wrong length, such as one that was cut off", async () => {
  writeFileSync(blobPath(folder, ABC), "ab");
  await assert.rejects(requireBlob(folder, { sha256: ABC, bytes: 3 }), { code: "BLOB_CORRUPT" });
  await writeBlob(folder, Buffer.from("abc"), "text/plain");
  await requireBlob(folder, { sha256: ABC, bytes: 3 });
});

it("opens for reading with the size, and stores the empty blob", async () => {
  const { file, bytes } = await openBlob(folder, ABC);
  assert.deepEqual([bytes, (await file.readFile()).toString()], [3, "abc"]);
  await file.close();
  const empty = await writeBlob(folder, new Uint8Array(), "text/plain");
  assert.equal((await readBlob(folder, empty.sha256)).length, 0);
});

for (const path of ["../../etc/passwd", `../${ABC}`, ABC.toUpperCase(), ABC.slice(1), `${ABC}0`, `${ABC}\n`, "", "ba/".padEnd(64, "."), `${"0".repeat(62)}/.`]) {
  it(`refuses ${JSON.stringify(path)} as a hash, for every operation`, async () => {
    assert.throws(() => blobPath(folder, path), { code: "NOT_FOUND" });
    await assert.rejects(openBlob(folder, path), { code: "NOT_FOUND" });
    await assert.rejects(readBlob(folder, path), { code: "NOT_FOUND" });
    await assert.rejects(removeBlob(folder, path), { code: "NOT_FOUND" });
  });
}

it("says NOT_FOUND for a hash that nobody stored", async () => {
  await assert.rejects(openBlob(folder, "0".repeat(64)), { code: "NOT_FOUND" });
  await assert.rejects(verifyBlob(folder, "0".repeat(64)), { code: "NOT_FOUND" });
  await assert.rejects(requireBlob(folder, { sha256: "0".repeat(64), bytes: 1 }), { code: "BLOB_CORRUPT" });
});

it("finds one flipped bit", async () => {
  const { sha256 } = await writeBlob(folder, Buffer.from("weights"), "text/plain");
  const bytes = readFileSync(blobPath(folder, sha256));
  bytes[3]! ^= 1;
  writeFileSync(blobPath(folder, sha256), bytes);
  await assert.rejects(verifyBlob(folder, sha256), { code: "BLOB_CORRUPT" });
  await assert.rejects(readBlob(folder, sha256), { code: "BLOB_CORRUPT" });
});
