import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { expand } from "../../services/engine/gpu/template.ts";

describe("the shader preprocessor", () => {
  it("unrolls loops, nested ones too, with the loop variables in expressions", () => {
    const source = "a\n//#for p in 0..ROWS\n//#for q in p..2\nx${p}_${q * 10}\n//#end\n//#end\nb";
    assert.equal(expand("k", source, { ROWS: 2 }).text, "a\nx0_0\nx0_10\nx1_10\nb");
  });

  it("leaves out a loop without turns", () => {
    assert.equal(expand("k", "//#for p in 0..N\nx\n//#end\nb", { N: 0 }).text, "b");
  });

  it("keeps one side of a branch, with or without an else, and branches inside it", () => {
    const source = "//#if N === 1\none\n//#else\n//#if N === 2\ntwo\n//#else\nmany\n//#end\n//#end\n//#if N > 1\nmore\n//#end";
    assert.deepEqual([1, 2, 3].map((N) => expand("k", source, { N }).text), ["one", "two\nmore", "many\nmore"]);
  });

  it("replaces by numbers and by names that an expression picks", () => {
    assert.equal(expand("k", '  v.${"xyzw"[Q % 4]} = ${Q / 2}u; // ${Q}', { Q: 6 }).text, "  v.z = 3u; // 6");
  });

  it("remembers the line of the file that each line came from", () => {
    assert.deepEqual(expand("k", "a\n//#for p in 0..2\nx\ny\n//#end\n//#if 0\nz\n//#end\nb", {}).lines, [1, 3, 4, 3, 4, 9]);
  });

  it("refuses what it cannot evaluate, and a block without an end, by file and line", () => {
    const refuses = (source: string, message: RegExp): void => { assert.throws(() => expand("conv/k", source, { N: 1 }), { code: "SHADER_INVALID", message }); };
    refuses("a\nx${M}", /^conv\/k\.wgsl:2:1 cannot evaluate "M": M is not defined/);
    refuses("x${N / 0}", /^conv\/k\.wgsl:1:1 cannot evaluate "N \/ 0": expected a number, got Infinity/);
    refuses("a\n//#for p in 0..N\nx", /^conv\/k\.wgsl:2:1 expected a matching \/\/#end/);
    refuses("//#if N\n//#if N\nx\n//#end", /^conv\/k\.wgsl:1:1 expected a matching \/\/#end/);
  });
});
