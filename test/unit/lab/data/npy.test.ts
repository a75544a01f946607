import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

import { AppError } from "../../../../services/common/errors.ts";
import { failOf } from "../../../../services/lab/data/data-file.ts";
import { NPY_MAX_HEADER, type NpyArray, parseNpy, parseNpyHeader, writeNpy } from "../../../../services/lab/formats/npy.ts";
import { FIXTURES } from "../../../support/dataset-fixtures.ts";
import { mutations } from "../../../support/mutate.ts";

const fail = failOf("f");
const read = (name: string): Uint8Array => readFileSync(join(FIXTURES, "arrays", name));

/** A file with any header. */
function file(header: string, data: Uint8Array = new Uint8Array(0), version = 1): Uint8Array {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(header.length);
  else length.writeUInt32LE(header.length);
  return Buffer.concat([Buffer.from("934e554d5059", "hex"), Buffer.of(version, 0), length, Buffer.from(header, "latin1"), data]);
}

describe(".npy files", () => {
  it("of NumPy are read: shape, type and values", () => {
    const labels = parseNpy(read("labels-i64.npy"), fail);
    assert.deepEqual([labels.type, labels.shape, [...(labels.data as BigInt64Array)]], ["i64", [6], [0n, 1n, 2n, 2n, 1n, 0n]]);
    const bytes = parseNpy(read("nhwc-u8.npy"), fail);
    const floats = parseNpy(read("nhwc-f64.npy"), fail);
    assert.deepEqual([bytes.shape, floats.shape], [[6, 5, 4, 3], [6, 5, 4, 3]]);
    assert.deepEqual([...(floats.data as Float64Array)], Array.from(bytes.data as Uint8Array, (v) => v / 255));
  });
  it("are written as NumPy writes them", () => {
    for (const name of ["labels-i64.npy", "labels-u1-column.npy", "nhwc-u8.npy", "nchw-f32.npy", "nhwc-f64.npy"]) assert.deepEqual(Buffer.from(writeNpy(parseNpy(read(name), fail))), read(name), name);
  });
  it("of every type come back as they were", () => {
    const arrays: NpyArray[] = [
      { type: "bool", shape: [2], data: Uint8Array.of(0, 1) }, { type: "i8", shape: [1, 2], data: Int8Array.of(-1, 127) }, { type: "u16", shape: [1], data: Uint16Array.of(65_535) },
      { type: "i16", shape: [1], data: Int16Array.of(-32_768) }, { type: "u32", shape: [1], data: Uint32Array.of(2 ** 32 - 1) }, { type: "i32", shape: [1], data: Int32Array.of(-(2 ** 31)) },
      { type: "u64", shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) }, { type: "f32", shape: [], data: Float32Array.of(Math.PI) }, { type: "f64", shape: [0, 3], data: new Float64Array(0) },
    ];
    for (const array of arrays) assert.deepEqual(parseNpy(writeNpy(array), fail), array);
  });
  it("of versions 2 and 3 are read", () => {
    const header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n";
    for (const version of [2, 3]) assert.deepEqual(parseNpy(file(header, Uint8Array.of(4, 5), version), fail).data, Uint8Array.of(4, 5));
  });

  const refused: [string, Uint8Array, RegExp][] = [
    ["that are empty", new Uint8Array(0), /^f: byte 0: expected the magic of \.npy, 147, got undefined/],
    ["of another format", Buffer.from("PK\x03\x04"), /^f: byte 0: expected the magic/],
    ["of version 4", file("{}", undefined, 4), /byte 6: expected version 1, 2 or 3/],
    ["cut in the header", read("nhwc-u8.npy").subarray(0, 60), /byte 60: expected a header of 118 bytes/],
    ["with a header of gigabytes", file("x".repeat(NPY_MAX_HEADER), undefined, 2), /byte 8: expected a header of at most/],
    ["with code in the header", file("__import__('os').system('true')"), /byte 10: expected a header \{'descr'/],
    ["of objects", read("objects.npy"), /got \|O; convert it with numpy's astype/],
    ["of big-endian numbers", read("big-endian.npy"), /got >i4/],
    ["of structures", file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }"), /expected a header/],
    ["in Fortran order", read("fortran-u8.npy"), /expected C order, got Fortran order; save numpy\.ascontiguousarray/],
    ["with a negative side", file("{'descr': '|u1', 'fortran_order': False, 'shape': (-1,), }"), /expected a header/],
    ["with sides whose product is no number", file("{'descr': '|u1', 'fortran_order': False, 'shape': (9007199254740991, 9007199254740991), }"), /expected an array that can exist/],
    ["with a shape of text", file("{'descr': '|u1', 'fortran_order': False, 'shape': (1 2,), }"), /expected a shape of whole numbers, got \(1 2,\)/],
    ["cut in the data", read("nhwc-u8.npy").subarray(0, 300), /byte 300: expected 488 bytes in all for an array of 6×5×4×3, got 300/],
    ["with more behind it", Buffer.concat([read("nhwc-u8.npy"), Buffer.of(1)]), /byte 488: expected 488 bytes in all/],
    ["that claim terabytes", file("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }"), /expected 8000000000\d{3} bytes in all/],
  ];
  for (const [what, bytes, message] of refused) it(`${what} are refused`, () => assert.throws(() => parseNpy(bytes, fail), { code: "DATASET_CORRUPT", message }));

  it("whose header is all blanks or all digits cost no time", () => {
    for (const filler of [" ", "1", ", ", "'"]) {
      const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${filler.repeat(NPY_MAX_HEADER)}`.slice(0, 9000);
      const started = process.cpuUsage();
      assert.throws(() => parseNpyHeader(file(header), fail), AppError);
      assert.ok(process.cpuUsage(started).user < 1e6, JSON.stringify(filler));
    }
  });
  it("damaged in any way end in a named error or an array: 10,000 mutants", () => {
    for (const mutant of mutations(11, read("nhwc-u8.npy"), 10_000)) {
      try {
        const { shape, data } = parseNpy(mutant, fail);
        assert.equal(data.length, shape.reduce((a, b) => a * b, 1));
      } catch (error) {
        assert.ok(error instanceof AppError && error.code === "DATASET_CORRUPT", String(error));
      }
    }
  });
});
