import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { storable } from "../../services/runner/storable.ts";

describe("what a runner sends can be stored", () => {
  it("U+0000 and halves of surrogate pairs become U+FFFD, in keys too and however deep; whole pairs stay", () => {
    assert.deepEqual(storable({ message: "a\0b\ud800c😀", details: { "k\0": ["\udc00", 1, null, true, { x: "ok" }] } }), { message: "a\uFFFDb\uFFFDc😀", details: { "k\uFFFD": ["\uFFFD", 1, null, true, { x: "ok" }] } });
  });
});
