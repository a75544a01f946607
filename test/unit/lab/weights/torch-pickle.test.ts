import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { readStateDict } from "../../../../services/lab/models/weights/state-dict.ts";
import { legacyFile, py, storage, tensor, u32, u64 } from "../../../support/pickle-writer.ts";

const data = Float32Array.of(0, 1, 2, 3, 4, 5);
const whole = tensor(storage("0", 6), 0, [2, 3], [3, 1]);
const file = (object: Uint8Array): Uint8Array => legacyFile(object, { 0: data });
const dictOf = (value: Uint8Array): Uint8Array => py.dict([py.text("x"), value]);
const bad = (body: Uint8Array): Uint8Array => file(dictOf(body));

async function valuesOf(bytes: Uint8Array): Promise<Record<string, { shape: readonly number[]; data: number[] }>> {
  return Object.fromEntries([...(await readStateDict(bytes)).tensors].map(([name, { shape, data: values }]) => [name, { shape, data: [...values] }]));
}

it("the writer of these tests writes what is read", async () => assert.deepEqual(await valuesOf(file(dictOf(whole))), { x: { shape: [2, 3], data: [0, 1, 2, 3, 4, 5] } }));

describe("nothing outside the list can be named, whatever for", () => {
  for (const [module, name] of [["os", "system"], ["posix", "system"], ["builtins", "eval"], ["builtins", "getattr"], ["subprocess", "Popen"], ["torch", "load"], ["torch.serialization", "os.system"], ["torch", "__proto__"], ["constructor", "constructor"]] as const) {
    const message = new RegExp(`refers to "${module}.${name}", which is not read`);
    it(`${module}.${name}`, () => assert.rejects(readStateDict(bad(py.call(py.global(module, name), py.text("true")))), { code: "WEIGHTS_UNSUPPORTED", message }));
    it(`${module}.${name} from the stack`, () => assert.rejects(readStateDict(bad(Buffer.concat([py.text(module), py.text(name), py.code(0x93)]))), { code: "WEIGHTS_UNSUPPORTED", message }));
  }

  for (const [opcode, bytes] of [["INST", [0x69]], ["NEWOBJ", [0x81]], ["NEWOBJ_EX", [0x92]], ["OBJ", [0x6f]], ["EXT1", [0x82, 1]], ["PERSID", [0x50]], ["INT", [0x49]], ["DUP", [0x32]], ["0xff", [0xff]]] as const) {
    it(`opcode ${opcode}`, () => assert.rejects(readStateDict(bad(py.code(...bytes))), { code: "WEIGHTS_UNSUPPORTED", message: new RegExp(`opcode ${opcode} is not read`) }));
  }

  it("a storage type, called", () => assert.rejects(readStateDict(bad(py.call(py.global("torch", "FloatStorage"), py.int(9)))), { code: "WEIGHTS_CORRUPT", message: /torch\.FloatStorage to be named only/ }));
  it("a value, called", () => assert.rejects(readStateDict(bad(py.call(py.text("eval"), py.text("1")))), { code: "WEIGHTS_CORRUPT", message: /a name to call, got string/ }));
  it("a quantised storage", () => assert.rejects(readStateDict(bad(storage("0", 6, "QInt8Storage"))), { code: "WEIGHTS_UNSUPPORTED", message: /torch\.QInt8Storage/ }));
});

describe("a pickle that lies is refused", () => {
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["about a text's length", bad(Buffer.concat([py.code(0x8d), u64(2n ** 63n)])), /a count below 2\^53/],
    ["about a text's length within reason", bad(Buffer.concat([py.code(0x58), u32(2 ** 20)])), /expected 1048576 bytes, got the/],
    ["about a text's encoding", bad(Buffer.concat([py.code(0x58), u32(1), py.code(0xff)])), /text in UTF-8/],
    ["with an endless integer", bad(Buffer.concat([py.code(0x8b), u32(1000), Buffer.alloc(1000, 1)])), /an integer of at most 64 bytes, got 1000/],
    ["with an endless name", bad(Buffer.concat([py.code(0x63), Buffer.alloc(1000, 0x61)])), /a line of at most 256 bytes/],
    ["with marks without end", bad(py.repeat(100_000, py.code(0x28))), /at most 1000 marks/],
    ["with values without end", bad(py.repeat(1_100_000, py.none)), /at most 1000000 values/],
    ["about what it remembered", bad(py.get(7)), /a remembered value 7, got none/],
    ["by popping nothing", file(py.code(0x30)), /a value on the stack, got none/],
    ["by appending to text", bad(Buffer.concat([py.text("a"), py.none, py.code(0x61)])), /a list to append to, got string/],
    ["with half a pair", bad(Buffer.concat([py.code(0x7d, 0x28), py.none, py.code(0x75)])), /pairs for a dict/],
    ["with two values", file(Buffer.concat([py.none, py.none])), /one value, got 2/],
    ["about the end of a tensor", bad(tensor(storage("0", 6), 1, [2, 3], [3, 1])), /tensor \[2, 3\] over storage 0: expected it inside the 6 values, got one up to 6/],
    ["with a stride past the end", bad(tensor(storage("0", 6), 0, [2], [6])), /got one up to 6/],
    ["with a stride past everything", bad(py.call(py.global("torch._utils", "_rebuild_tensor_v2"), storage("0", 6), py.int(0), py.tuple(py.int(2 ** 31 - 1), py.int(2 ** 31 - 1)), py.tuple(py.int(2 ** 31 - 1), py.int(1)))), /expected it inside/],
    ["with a negative stride", bad(tensor(storage("0", 6), 5, [6], [-1])), /at most 8 sizes with as many strides/],
    ["with nine sides", bad(tensor(storage("0", 6), 0, [1, 1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1, 1])), /at most 8 sizes/],
    ["about a storage's length", legacyFile(dictOf(whole), { 0: data }, { lengths: { 0: 2 ** 40 } }), /storage 0: expected 6 values, got 1099511627776/],
    ["by leaving a storage out", legacyFile(dictOf(whole), {}), /expected 1 storages, got 0/],
    ["about which storages there are", legacyFile(dictOf(whole), { 0: data, 1: data }), /each storage that the pickle names once, got "1"/],
    ["and goes on after its end", Buffer.concat([file(dictOf(whole)), Buffer.alloc(3)]), /got 3 more bytes/],
  ];
  for (const [what, bytes, message] of cases) it(what, () => assert.rejects(readStateDict(bytes), { code: "WEIGHTS_CORRUPT", message }));
});

describe("a short pickle cannot ask for much", () => {
  const refused = (bytes: Uint8Array, message: RegExp): Promise<void> => assert.rejects(readStateDict(bytes), { code: "WEIGHTS_UNSUPPORTED", message });

  it("a value expanded to many", () => refused(bad(tensor(storage("0", 6), 0, [1_000_000], [0])), /an expanded view; save a contiguous\(\) copy/));

  it("one storage under many names", () => {
    const pairs = Array.from({ length: 5 }, (_, i): [Uint8Array, Uint8Array] => [py.text(`x${i}`), whole]);
    return refused(file(py.dict(...pairs)), /at most 4 times the 6 stored values, got 30/);
  });

  it("one storage under as many names as tied weights have", async () => assert.equal(Object.keys(await valuesOf(file(py.dict([py.text("a"), whole], [py.text("b"), whole])))).length, 2));

  it("a storage of two types", () => refused(file(py.dict([py.text("a"), whole], [py.text("b"), storage("0", 3, "DoubleStorage")])), /storage 0: expected 6 values of F32 as before, got 3 of F64/));

  it("lists of lists of lists, each ten times: read in time linear in the file, then no state dict", async () => {
    let bomb = py.put(py.list(py.none), 0);
    for (let i = 1; i < 200; i++) bomb = Buffer.concat([bomb, py.code(0x30), py.put(py.list(py.repeat(10, py.get(i - 1))), i)]);
    await refused(legacyFile(bomb, {}), /a dict of tensors, got object/);
  });

  it("a list deep in itself", async () => assert.deepEqual((await valuesOf(file(py.dict([py.text("x"), whole], [py.text("y"), Buffer.concat([py.put(py.list(), 9), py.get(9), py.code(0x61)])], [py.text("z"), Buffer.concat([py.repeat(200_000, py.code(0x5d)), py.repeat(199_999, py.code(0x61))])])))).x!.shape, [2, 3]));

  it("a long list copied again and again into dicts", () => {
    const pair = py.tuple(py.int(1), py.int(2));
    const list = py.put(py.list(py.repeat(20_000, pair)), 0);
    const again = Buffer.concat([py.global("collections", "OrderedDict"), py.get(0), py.code(0x85, 0x52, 0x30)]);
    return refused(file(Buffer.concat([list, py.repeat(20_000, again)])), /dicts made from at most 1000000 pairs/);
  });

  it("a long text encoded, and a long list given as a shape, again and again: neither is walked", async () => {
    const text = Buffer.concat([py.put(py.text("a".repeat(1_000_000)), 0), py.code(0x30)]);
    const encode = Buffer.concat([py.call(py.global("_codecs", "encode"), py.get(0), py.text("latin1")), py.code(0x30)]);
    const scalar = py.call(py.global("numpy.core.multiarray", "scalar"), py.call(py.global("numpy", "dtype"), py.text("S1000000")), py.get(0));
    await valuesOf(file(Buffer.concat([text, py.repeat(20_000, encode, scalar, py.code(0x30)), dictOf(whole)])));
    const shape = py.put(py.list(py.repeat(200_000, py.int(1))), 0);
    const rebuild = py.call(py.global("torch._utils", "_rebuild_tensor_v2"), storage("0", 6), py.int(0), py.get(0), py.get(0));
    await assert.rejects(readStateDict(file(Buffer.concat([shape, rebuild]))), { code: "WEIGHTS_CORRUPT", message: /at most 8 sizes/ });
  });

  it("a large dict named by many entries", async () => {
    const inner = py.put(py.dict(...Array.from({ length: 2_000 }, (_, i): [Uint8Array, Uint8Array] => [py.text(`k${i}`), py.none])), 0);
    const outer = Array.from({ length: 20_000 }, (_, i): [Uint8Array, Uint8Array] => [py.text(`o${i}`), py.get(0)]);
    await refused(legacyFile(Buffer.concat([inner, py.code(0x30), py.dict(...outer)]), {}), /tensors by name, or under one of state_dict/);
  });

  it("weights among more entries than a checkpoint has are not searched for", () => {
    const many = Array.from({ length: 150 }, (_, i): [Uint8Array, Uint8Array] => [py.text(`o${i}`), py.none]);
    return refused(file(py.dict(...many, [py.text("classifier"), dictOf(whole)])), /tensors by name, or under one of state_dict/);
  });

  it("a shape changed after it was checked changes nothing", async () => {
    const sides = py.put(py.list(py.int(2), py.int(3)), 0);
    const rebuilt = py.call(py.global("torch._utils", "_rebuild_tensor_v2"), storage("0", 6), py.int(0), sides, py.tuple(py.int(3), py.int(1)));
    const later = Buffer.concat([py.get(0), py.int(1000), py.code(0x61)]);
    assert.deepEqual((await valuesOf(file(py.dict([py.text("x"), rebuilt], [py.text("y"), later])))).x!.shape, [2, 3]);
  });
});

describe("what older PyTorch wrote", () => {
  it("a view of a storage in place of a storage", async () =>
    assert.deepEqual(await valuesOf(bad(tensor(storage("0", 6, "FloatStorage", ["1", 2, 4]), 1, [3], [1]))), { x: { shape: [3], data: [3, 4, 5] } }));
  it("and one that leaves it", () =>
    assert.rejects(readStateDict(bad(tensor(storage("0", 6, "FloatStorage", ["1", 2, 4]), 2, [3], [1]))), { code: "WEIGHTS_CORRUPT", message: /inside the 4 values, got one up to 4/ }));
  it("Python 2's text and dicts from pairs", async () => {
    const pairs = py.list(py.list(py.str("a"), whole));
    assert.deepEqual(Object.keys(await valuesOf(file(py.dict([py.str("state_dict"), py.call(py.global("collections", "OrderedDict"), pairs)])))), ["a"]);
  });
});

describe("where the weights are", () => {
  const score = tensor(storage("0", 6), 5, [], []);
  const pathOf = async (object: Uint8Array): Promise<readonly string[]> => (await readStateDict(file(object))).path;
  it("under the usual name, beside a tensor of the checkpoint's own", async () => assert.deepEqual(await pathOf(py.dict([py.text("best"), score], [py.text("state_dict"), dictOf(whole)])), ["state_dict"]));
  it("under two names", async () => assert.deepEqual(await pathOf(py.dict([py.text("model"), py.dict([py.text("net"), dictOf(whole)])])), ["model", "net"]));
  it("under the only name that holds tensors", async () => assert.deepEqual(await pathOf(py.dict([py.text("classifier"), dictOf(whole)], [py.text("args"), dictOf(py.none)])), ["classifier"]));
  it("nowhere: two names could be meant", () => assert.rejects(pathOf(py.dict([py.text("left"), dictOf(whole)], [py.text("right"), dictOf(whole)])), { code: "WEIGHTS_UNSUPPORTED", message: /got entries left, right/ }));
  it("in the file itself; what is no tensor is left out", async () => assert.deepEqual((await readStateDict(file(py.dict([py.text("x"), whole], [py.text("note"), py.text("hello")])))).leftOut, ["note"]));
  it("twice: what was not taken is named", async () => assert.deepEqual((await readStateDict(file(py.dict([py.text("model_ema"), dictOf(whole)], [py.text("model"), dictOf(whole)], [py.text("net"), py.text("resnet")])))).others, ["model_ema"]));
  it("a single tensor is no state dict", () => assert.rejects(pathOf(whole), { code: "WEIGHTS_UNSUPPORTED", message: /got a single tensor/ }));
});

it("refuses numbers from a big-endian machine", () => assert.rejects(readStateDict(legacyFile(dictOf(whole), { 0: data }, { littleEndian: false })), { code: "WEIGHTS_UNSUPPORTED", message: /big-endian/ }));
