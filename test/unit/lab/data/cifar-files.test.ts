import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";

import { AppError } from "../../../../services/common/errors.ts";
import { type CifarSet, parseCifarFile } from "../../../../services/lab/data/cifar.ts";
import { FIXTURES } from "../../../support/dataset-fixtures.ts";
import { mutations } from "../../../support/mutate.ts";

const read = (name: string): Uint8Array => readFileSync(join(FIXTURES, "cifar", name));
const parse = (bytes: Uint8Array, set: CifarSet = "cifar10", labels: "fine" | "coarse" = "fine"): ReturnType<typeof parseCifarFile> => parseCifarFile("f", bytes, set, labels);

describe("CIFAR's files", () => {
  const { pixels } = parse(read("cifar10.bin"));

  for (const name of ["cifar10-python2", "cifar10-protocol2"]) {
    it(`as pickles (${name}) hold the images and labels of the binary version`, () => {
      const split = parse(read(name));
      assert.deepEqual([split.count, [...split.labels]], [2, [3, 9]]);
      assert.deepEqual(split.pixels, pixels);
    });
  }
  it("of CIFAR-100 have fine or coarse labels, in both layouts", () => {
    for (const name of ["cifar100.bin", "cifar100-protocol4"]) {
      assert.deepEqual([...parse(read(name), "cifar100").labels], [99, 0], name);
      assert.deepEqual([...parse(read(name), "cifar100", "coarse").labels], [19, 4], name);
      assert.deepEqual(parse(read(name), "cifar100").pixels, pixels, name);
    }
  });

  /** The pickle with one piece of it replaced by another of the same length. */
  const replaced = (from: string, to: string): Uint8Array => Buffer.from(Buffer.from(read("cifar10-python2")).toString("latin1").replace(from, to), "latin1");
  const refused: [string, () => unknown, RegExp][] = [
    ["the archive as published", () => parse(gzipSync(read("cifar10-python2"))), /^f: expected a file of CIFAR, got a gzip archive; unpack it/],
    ["of another set", () => parse(read("cifar100-protocol4")), /expected a dict with "data", an array, and "labels", a list; got data, fine_labels, coarse_labels/],
    ["of another set, binary", () => parse(read("cifar100.bin")), /^f at 6146: expected whole records of 3073 bytes, got 2 bytes/],
    ["cut", () => parse(read("cifar10-python2").subarray(0, 3000)), /^f: byte \d+/],
    ["that would run something", () => parse(replaced("numpy.core.multiarray\n_reconstruct", "builtins.............\neval........")), /the pickle refers to "builtins\.+eval\.+", which is not read/],
    ["with a label out of range", () => parse(Uint8Array.of(10, ...new Uint8Array(3072))), /^f at 0: expected a label below 10, got 10/],
    ["with a label out of range, pickled", () => parse(replaced("K\x03K\x09", "K\x03K\x0a")), /"labels", label 1: expected a whole number below 10, got 10/],
    ["with fewer labels than images", () => parse(replaced("K\x03K\x09", "K\x03N0")), /expected "data" of u1 \[1, 3072\], in C order, got u1 \[2, 3072\]/],
    ["with no dict", () => parse(Buffer.from("80025d2e", "hex")), /expected a dict/],
  ];
  for (const [what, run, message] of refused) it(`${what} are refused`, () => assert.throws(run, { code: "DATASET_CORRUPT", message }));

  it("damaged in any way end in a named error or in images: 2 × 2,000 mutants", () => {
    for (const name of ["cifar10-python2", "cifar10.bin"]) for (const mutant of mutations(5, read(name), 2000)) {
      try {
        const split = parse(mutant);
        assert.equal(split.pixels.length, split.count * 3072);
        assert.ok(split.labels.every((label) => label < 10));
      } catch (error) {
        assert.ok(error instanceof AppError && error.code === "DATASET_CORRUPT", String(error));
      }
    }
  });
});
