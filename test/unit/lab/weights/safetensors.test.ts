import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { readSafetensors, writeSafetensors } from "../../../../services/lab/models/weights/safetensors.ts";
import { cifarCheckpoint, sharedMissing } from "../../../support/shared.ts";

/** A file with this header text and so many bytes of data. */
function file(header: unknown, dataBytes = 0): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const entry = (shape: number[], begin: number, end: number, dtype = "F32"): unknown => ({ dtype, shape, data_offsets: [begin, end] });

describe("safetensors", () => {
  const tensors = new Map([
    ["a.weight", { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 1e-30, -0, 6) }],
    ["empty", { shape: [0, 4], data: new Float32Array(0) }],
    ["scalar", { shape: [], data: Float32Array.of(7) }],
    ['odd "name"\\', { shape: [1], data: Float32Array.of(8) }],
  ]);

  it("reads back to the bit what it wrote, wherever the bytes lie in memory", () => {
    const written = writeSafetensors(tensors, { epoch: "3", note: 'with "quotes"' });
    const shifted = new Uint8Array(written.length + 3).subarray(3);
    shifted.set(written);
    const read = readSafetensors(shifted);
    assert.deepEqual(read.metadata, { epoch: "3", note: 'with "quotes"' });
    assert.deepEqual([...read.tensors], [...tensors]);
    assert.equal(read.tensors.get("a.weight")!.data[4], -0); // strict: 0 is another
  });

  it("gives the same bytes for the same tensors and aligns the data", () => {
    const once = writeSafetensors(tensors);
    assert.deepEqual(once, writeSafetensors(tensors));
    assert.equal(new DataView(once.buffer).getBigUint64(0, true) % 8n, 0n);
  });

  it("refuses to write a shape that does not fit its data", () =>
    assert.throws(() => writeSafetensors(new Map([["x", { shape: [2], data: new Float32Array(3) }]])), { code: "WEIGHTS_CORRUPT", message: /tensor x to have 2 values/ }));

  const refused: [string, Uint8Array, RegExp][] = [
    ["a file too short for its length field", new Uint8Array(7), /at least 8 bytes/],
    ["a header longer than the file", (() => { const b = file({}); new DataView(b.buffer).setBigUint64(0, 2n ** 63n, true); return b; })(), /header inside the file/],
    ["a header that is no JSON", file("{nonsense"), /a JSON header/],
    ["a header that is no UTF-8", (() => { const b = file('{"a":1}'); b[9] = 0xff; return b; })(), /a JSON header/],
    ["a header that is a list", file("[]"), /an object as header/],
    ["a name twice", file(`{"x":${JSON.stringify(entry([1], 0, 4))},"\\u0078":${JSON.stringify(entry([1], 4, 8))}}`, 8), /"x" twice/],
    ["a name twice, with space before the colon", file(`{"x" \n:${JSON.stringify(entry([1], 0, 4))},"x":${JSON.stringify(entry([1], 4, 8))}}`, 8), /"x" twice/],
    ["a field twice", file('{"x":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4), /"dtype" twice/],
    ["a truth value of 2", (() => { const b = file({ x: entry([1], 0, 1, "BOOL") }, 1); b.set([2], b.length - 1); return b; })(), /tensor x: .*got 2 at 0/],
    ["a type's bytes that are another's", file({ x: entry([1], 0, 4, "BF16") }, 4), /tensor x \[1\] of BF16 to take 2 bytes, got 4/],
    ["a negative size", file({ x: entry([-1], 0, 4) }, 4), /tensor x to have a shape/],
    ["a fractional size", file({ x: entry([0.5], 0, 2) }, 2), /tensor x to have a shape/],
    ["a shape that claims more than its bytes", file({ x: entry([2 ** 50, 2 ** 50], 0, 4) }, 4), /tensor x .* to take/],
    ["offsets past the end", file({ x: entry([2], 0, 8) }, 4), /fill the 4 bytes/],
    ["offsets that run backwards", file({ x: entry([1], 4, 0) }, 4), /tensor x .* to take 4 bytes/],
    ["a hole", file({ x: entry([1], 4, 8) }, 8), /tensor x to begin at 0, got 4/],
    ["an overlap", file({ x: entry([2], 0, 8), y: entry([1], 4, 8) }, 8), /tensor y to begin at 8, got 4/],
    ["bytes after the last tensor", file({ x: entry([1], 0, 4) }, 5), /fill the 5 bytes/],
    ["metadata that is not text", file({ __metadata__: { a: 1 } }), /__metadata__/],
    ["an entry that is no object", file({ x: [1] }), /tensor x to be an object/],
  ];
  for (const [what, bytes, message] of refused) it(`refuses ${what}`, () => assert.throws(() => readSafetensors(bytes), { code: "WEIGHTS_CORRUPT", message }));

  /** One tensor `x` of these bytes. */
  const typed = (dtype: string, values: ArrayBufferView, shape: number[]): Uint8Array => {
    const bytes = file({ x: entry(shape, 0, values.byteLength, dtype) }, values.byteLength);
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), bytes.length - values.byteLength);
    return bytes;
  };

  for (const [dtype, stored, read] of [
    ["F64", Float64Array.of(0.1, -1e300, 5), [Math.fround(0.1), -Infinity, 5]],
    ["F16", Uint16Array.of(0x3c00, 0x0001, 0xfbff, 0x7c00, 0x8000), [1, 2 ** -24, -65504, Infinity, -0]],
    ["BF16", Uint16Array.of(0x3f80, 0xff7f, 0x0001), [1, -3.3895313892515355e38, 2 ** -133]],
    ["I64", BigInt64Array.of(-(2n ** 62n), 2n ** 24n, -1n), [-(2 ** 62), 2 ** 24, -1]],
    ["I32", Int32Array.of(-(2 ** 31), 7, 2 ** 24 + 2), [-(2 ** 31), 7, 2 ** 24 + 2]],
    ["U8", Uint8Array.of(0, 255, 9), [0, 255, 9]],
    ["BOOL", Uint8Array.of(0, 1, 1), [0, 1, 1]],
  ] as const) it(`reads ${dtype} as f32`, () => assert.deepEqual([...readSafetensors(typed(dtype, stored, [stored.length])).tensors.get("x")!.data], read));

  it("keeps the bits of every NaN", () => {
    const read = readSafetensors(typed("F32", Uint32Array.of(0x7fc01234, 0x7f800001), [2])).tensors.get("x")!.data;
    assert.deepEqual([...new Uint32Array(read.buffer)], [0x7fc01234, 0x7f800001]);
  });

  for (const [dtype, stored, message] of [
    ["I64", BigInt64Array.of(1n, 2n ** 24n + 1n), /tensor x: .*got 16777217 at 1/],
    ["I32", Int32Array.of(2 ** 31 - 1), /tensor x: .*got 2147483647 at 0/],
    ["F8_E4M3", Uint8Array.of(1), /tensor x to have one of the types .*got F8_E4M3/],
  ] as const) it(`refuses ${stored[stored.length - 1]} as ${dtype}`, () => assert.throws(() => readSafetensors(typed(dtype, stored, [stored.length])), { code: "WEIGHTS_UNSUPPORTED", message }));

  it("does not convert what is not wanted", () => assert.equal(readSafetensors(typed("I64", BigInt64Array.of(2n ** 24n + 1n), [1]), (name) => name === "x").tensors.size, 0));

  it("takes a note of millions of characters", () => assert.equal(readSafetensors(file({ __metadata__: { a: "a".repeat(20_000_000) } })).metadata["a"]!.length, 20_000_000));

  it("takes a tensor called __proto__ for what it is", () => {
    const read = readSafetensors(file(`{"__proto__":${JSON.stringify(entry([1], 0, 4))}}`, 4));
    assert.deepEqual([...read.tensors.keys()], ["__proto__"]);
    assert.equal(({} as Record<string, unknown>).dtype, undefined);
  });

  it("reads a published checkpoint", { skip: sharedMissing() ?? false }, () => {
    const { tensors: published, metadata } = cifarCheckpoint("resnet20");
    assert.deepEqual(published.get("conv1.weight")!.shape, [16, 3, 3, 3]);
    assert.equal(metadata.training, "standard training");
  });
});
