import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { readStateDict } from "../../../../services/lab/models/weights/state-dict.ts";
import { py, storage, tensor } from "../../../support/pickle-writer.ts";
import { type Member, writeZip } from "../../../support/zip-writer.ts";

const values = Float32Array.of(1, 2, 3);
const pickle: Member = { name: "archive/data.pkl", data: py.pickle(py.dict([py.text("x"), tensor(storage("0", 3), 0, [3], [1])])) };
const numbers: Member = { name: "archive/data/0", data: new Uint8Array(values.buffer) };

const read = async (members: readonly Member[]): Promise<number[]> => [...(await readStateDict(writeZip(members))).tensors.get("x")!.data];

it("reads what the writer of these tests writes, stored or deflated", async () => {
  assert.deepEqual(await read([pickle, numbers]), [1, 2, 3]);
  assert.deepEqual(await read([{ ...pickle, deflated: true }, { ...numbers, deflated: true }, { name: "archive/byteorder", data: Buffer.from("little") }]), [1, 2, 3]);
});

it("a small archive cannot ask for much: bytes packed to a sixteenth, each read as four, under four names", async () => {
  const n = 2 ** 24 - 4096; // what is always allowed to be unpacked
  const zeros: Member = { name: "archive/data/0", data: new Uint8Array(n), deflated: true };
  const view = tensor(storage("0", n, "ByteStorage"), 0, [n], [1]);
  const object = py.dict(...["a", "b", "c", "d"].map((name): [Uint8Array, Uint8Array] => [py.text(name), view]));
  await assert.rejects(readStateDict(writeZip([{ name: "archive/data.pkl", data: py.pickle(object) }, zeros])), { code: "WEIGHTS_UNSUPPORTED", message: /at most 8 times the file's \d+ bytes/ });
});

describe("a zip archive that lies is refused", () => {
  const cases: readonly (readonly [string, readonly Member[], RegExp])[] = [
    ["about a checksum", [pickle, { ...numbers, crc: 1 }], /member archive\/data\/0: expected 12 bytes with checksum 1/],
    ["about a stored size", [pickle, { ...numbers, bytes: 2 ** 31 }], /a whole zip archive, got: compressed\/uncompressed size mismatch/],
    ["about an unpacked size, with more inside", [pickle, { ...numbers, data: new Uint8Array(4096), deflated: true, bytes: 12 }], /deflated bytes of 12/],
    ["about an unpacked size, with less inside", [pickle, { ...numbers, data: new Uint8Array(8), deflated: true, bytes: 12 }], /expected 12 bytes/],
    ["with two members in one place", [pickle, numbers, { name: "archive/data/1", data: numbers.data, at: 0 }], /apart from each other/],
    ["with a name twice", [pickle, numbers, numbers], /"archive\/data\/0" twice/],
    ["about where a member lies", [pickle, { ...numbers, at: 5 }], /invalid local file header signature/],
    ["about a member past the end", [pickle, { ...numbers, at: 2 ** 31 }], /a whole zip archive/],
    ["about deflated bytes", [pickle, { ...numbers, method: 8 }], /deflated bytes of 12, got/],
    ["about a storage's size", [pickle, { ...numbers, data: new Uint8Array(8) }], /storage 0: expected a member data\/0 of 12 bytes, got 8/],
    ["by leaving a storage out", [pickle], /storage 0: .*got none/],
    ["by climbing out of its folder", [pickle, numbers, { name: "../evil", data: numbers.data }], /invalid relative path/],
  ];
  for (const [what, members, message] of cases) it(what, () => assert.rejects(read(members), { code: "WEIGHTS_CORRUPT", message }));
});

describe("a zip archive that is not read is refused by name", () => {
  const cases: readonly (readonly [string, readonly Member[], RegExp])[] = [
    ["encrypted", [pickle, { ...numbers, flags: 1, bytes: 0 }], /expected no encryption/],
    ["packed by another method", [pickle, { ...numbers, method: 12 }], /got compression method 12/],
    ["from a big-endian machine", [pickle, numbers, { name: "archive/byteorder", data: Buffer.from("big") }], /big-endian/],
    ["without a pickle", [numbers], /with one data\.pkl, got 0 of them among 1 members/],
    ["with two pickles", [pickle, numbers, { ...pickle, name: "b/data.pkl" }], /got 2 of them/],
    ["a bomb", [pickle, { ...numbers, data: new Uint8Array(2 ** 25), deflated: true }], /to unpack to at most 16777216, got 33554/],
    ["empty", [], /got 0 of them among 0 members/],
  ];
  for (const [what, members, message] of cases) it(what, () => assert.rejects(read(members), { code: "WEIGHTS_UNSUPPORTED", message }));
});

describe("files of other formats are refused by name", () => {
  const tar = new Uint8Array(512);
  tar.set(Buffer.from("ustar"), 257);
  for (const [what, bytes, message] of [
    ["TAR", tar, /a TAR archive \(PyTorch before 0\.1\.10/],
    ["gzip", Uint8Array.of(0x1f, 0x8b, 8), /a gzip file; unpack it first/],
    ["npy", Buffer.from("\x93NUMPY", "latin1"), /a NumPy array/],
    ["HDF5", Buffer.from("\x89HDF\r\n", "latin1"), /an HDF5 file/],
    ["nothing", new Uint8Array(0), /begins with nothing/],
    ["text", Buffer.from("<!doctype html>"), /begins with 3c21646f63747970/],
  ] as const) it(what, () => assert.rejects(readStateDict(bytes), { code: "WEIGHTS_UNSUPPORTED", message }));
});
