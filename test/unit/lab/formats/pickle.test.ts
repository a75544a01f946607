import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { AppError } from "../../../../services/common/errors.ts";
import { ByteReader } from "../../../../services/lab/formats/byte-reader.ts";
import { latin1Bytes, readPickle } from "../../../../services/lab/formats/pickle.ts";

const fail = (problem: string, message: string): AppError => new AppError(problem.toUpperCase(), message);
const read = (hex: string): unknown => readPickle(new ByteReader(Buffer.from(hex.replaceAll(" ", ""), "hex"), fail), { globals: new Map(), advice: "none", fail });

/** The bytes are what Python 3.11's pickle.dumps writes for the value named; Python 2's are written by hand. */
describe("values that Python pickled", () => {
  const cases: readonly (readonly [string, string, unknown])[] = [
    ["None", "80024e2e", null],
    ["True", "8002882e", true],
    ["255", "80024bff2e", 255],
    ["65535", "80024dffff2e", 65535],
    ["-2", "80024afeffffff2e", -2],
    ["-2**40", "80028a060000000000ff2e", -(2 ** 40)],
    ["2**63", "80028a090000000000000080002e", 2n ** 63n],
    ["-2**63", "80028a0800000000000000802e", -(2n ** 63n)],
    ["1.5", "8002473ff80000000000002e", 1.5],
    ["'aé'", "8002580300000061c3a971002e", "aé"],
    ["b'\\x00\\xff' in protocol 3", "8003430200ff71002e", Buffer.from([0, 255])],
    ["() and (1, 2, 3, 4)", "800229284b014b024b034b047471008671012e", [[], [1, 2, 3, 4]]],
    ["[1, [2]]", "80025d7100284b015d71014b0261652e", [1, [2]]],
    ["{'a': {1: 2}} in protocol 4", "8004950f000000000000007d948c0161947d944b014b0273732e", new Map([["a", new Map([[1, 2]])]])],
    ["bytearray(b'ab') in protocol 5", "8005950d000000000000009602000000000000006162942e", Buffer.from("ab")],
    ["Python 2's 'a\\xff'", "8002550261ff71002e", "a\u00ff"],
  ];
  for (const [what, hex, value] of cases) it(what, () => assert.deepEqual(read(hex), value));

  it("a list in itself", () => {
    const list = read("80025d710068 00612e") as unknown[];
    assert.equal(list[0], list);
  });

  it("a reader stands behind the pickle that it read", () => {
    const reader = new ByteReader(Buffer.from("80024e2e80024b072e", "hex"), fail);
    const dialect = { globals: new Map(), advice: "none", fail };
    assert.deepEqual([readPickle(reader, dialect), readPickle(reader, dialect), reader.left], [null, 7, 0]);
  });
});

describe("pickles that are not read", () => {
  for (const [what, hex, code, message] of [
    ["protocol 0", "4931 0a2e", "DAMAGED", /protocol 2 or later/],
    ["protocol 1", "80014e2e", "REFUSED", /protocol 2 to 5, got 1/],
    ["protocol 6", "80064e2e", "REFUSED", /protocol 2 to 5, got 6/],
    ["a set", "80048f2e", "REFUSED", /opcode EMPTY_SET/],
    ["an id for a reader that has no use for it", "80024e512e", "REFUSED", /opcode BINPERSID/],
    ["no end", "80024e", "DAMAGED", /expected 1 bytes, got the 0 that are left/],
    ["nothing", "", "DAMAGED", /expected 1 bytes/],
  ] as const) it(what, () => assert.throws(() => read(hex), { code, message }));
});

it("bytes of text are those of latin1, or none", () => {
  assert.deepEqual([latin1Bytes("a\u00ff"), latin1Bytes(Uint8Array.of(7)), latin1Bytes("Ā"), latin1Bytes(7)], [Buffer.from([0x61, 0xff]), Uint8Array.of(7), undefined, undefined]);
});
