import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { readTar } from "../../services/engine/gpu/tar.ts";
import { entry, tar } from "../support/tar.ts";

const refuses = (archive: Buffer, message: RegExp, wanted = ["a"]): void => assert.throws(() => readTar(archive, wanted), { code: "NO_ADAPTER", message });

describe("readTar", () => {
  it("returns the wanted files and skips the rest, whatever lies between", () => {
    const files = readTar(tar(entry("x", "other"), entry("a", "A".repeat(512)), entry("b", "B".repeat(513)), entry("z", "")), ["b", "a"]);
    assert.deepEqual([...files].map(([name, bytes]) => [name, bytes.length, String.fromCharCode(bytes[0]!)]), [["a", 512, "A"], ["b", 513, "B"]]);
  });

  it("compares whole names, prefix included", () => {
    for (const name of ["../a", "/a", "./a", "dir/a", "a/../a"]) refuses(tar(entry(name, "evil")), /a missing/);
    refuses(tar(entry("a", "evil", { magic: "ustar\u000000", prefix: ".." })), /a missing/);
    assert.equal(readTar(tar(entry("a", "deep", { magic: "ustar\u000000", prefix: "dir" })), ["dir/a"]).size, 1);
  });

  it("refuses a truncated archive wherever it ends", () => {
    const whole = tar(entry("a", "A".repeat(700)), entry("b", "B"));
    assert.equal(readTar(whole, ["a", "b"]).size, 2);
    for (const length of [0, 1, 511, 512, 513, 1211, 1536, 2047, 2048, 2560]) refuses(whole.subarray(0, length), /expected/, ["a", "b"]);
  });

  it("refuses sizes that are negative, not octal, or beyond the end", () => {
    for (const size of ["77777777777", "-0000000001", "9", "", "0x10", "\u0080\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0002\u0000"]) refuses(tar(entry("a", "A", { size })), /tar archive at byte 0: expected/);
  });

  it("refuses a changed header byte, another format and no format", () => {
    const changed = tar(entry("a", "A"));
    changed[100]! ^= 1;
    refuses(changed, /checksum/);
    refuses(tar(entry("a", "A", { magic: "v7tar   " })), /ustar header/);
    refuses(Buffer.alloc(2048, 0x41), /ustar header/);
  });

  it("refuses a link, a folder or a device in place of a wanted file, a second copy and an empty one", () => {
    for (const type of ["1", "2", "3", "5", "6", "L"]) refuses(tar(entry("a", "A", { type })), /to be a file/);
    refuses(tar(entry("a", "A"), entry("a", "B")), /once/);
    refuses(tar(entry("a", "")), /content/);
  });

  it("stops at an absurd number of entries", () => refuses(tar(...Array.from({ length: 1001 }, (_, i) => entry(`n${i}`, ""))), /at most 1000/));
});
