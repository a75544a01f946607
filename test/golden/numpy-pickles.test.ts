import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { AppError } from "../../services/common/errors.ts";
import { ByteReader } from "../../services/lab/formats/byte-reader.ts";
import { NumpyArray, numpyGlobals } from "../../services/lab/formats/numpy-pickle.ts";
import { readPickle } from "../../services/lab/formats/pickle.ts";

const folder = fileURLToPath(new URL("../fixtures/state-dicts", import.meta.url));
const fail = (problem: string, message: string): AppError => new AppError(problem.toUpperCase(), message);
const read = (name: string): unknown => readPickle(new ByteReader(readFileSync(join(folder, name)), fail), { globals: numpyGlobals(fail), advice: "none", fail });

interface Expected { readonly item: string; readonly order: string; readonly shape: readonly number[]; readonly fortran: boolean; readonly hex: string }
const { arrays: expected } = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as { arrays: Readonly<Record<string, Expected>> };

/** Against make-state-dicts.py. */
describe("arrays that NumPy pickled", () => {
  for (const protocol of [2, 3, 4, 5]) {
    it(`in protocol ${protocol} have its types, shapes and bytes`, () => {
      const found = [...read(`arrays-${protocol}.pickle`) as Map<string, unknown>].map(([name, array]) => {
        assert.ok(array instanceof NumpyArray, name);
        const { type: { item, order }, shape, fortran } = array;
        return [name, { item, order: order === "<" ? "=" : order, shape, fortran, hex: Buffer.from(array.bytes()).toString("hex") }];
      });
      assert.deepEqual(Object.fromEntries(found), expected);
    });
  }

  it("are refused when they are records", () => assert.throws(() => read("records.pickle"), { code: "REFUSED", message: /one of/ }));
});
