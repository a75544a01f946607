import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";

import { ERRORS } from "../../../../schema/errors.ts";
import { AppError } from "../../../../services/common/errors.ts";
import { readSafetensors, writeSafetensors } from "../../../../services/lab/models/weights/safetensors.ts";
import { readStateDict } from "../../../../services/lab/models/weights/state-dict.ts";
import { mutations } from "../../../support/mutate.ts";
import { writeZip } from "../../../support/zip-writer.ts";

const fixture = (name: string): Uint8Array => readFileSync(join(fileURLToPath(new URL("../../../fixtures/state-dicts", import.meta.url)), name));
const SEED = 4;
const EACH = 10_000;
/** What a file of a few KB may end in: the readers' limits are on what is made of a file's bytes. */
const MOST_VALUES = 100_000;
const MOST_BYTES = 200 * 2 ** 20;

/** The pickle of a zip file, mutated before it is packed with a right checksum: else hardly a mutant would come so far. */
const repacked = (pickle: Uint8Array): Uint8Array => writeZip([{ name: "a/data.pkl", data: pickle }, { name: "a/data/0", data: new Uint8Array(240) }, { name: "a/data/1", data: new Uint8Array(0) }]);

function pickleOf(zip: Uint8Array): Uint8Array {
  const start = zip.indexOf(0x80); // the first member is the pickle, stored as it is
  const end = Buffer.from(zip).indexOf("PK", start);
  return zip.slice(start, end);
}

async function outcome(bytes: Uint8Array): Promise<string> {
  try {
    const { tensors } = await readStateDict(bytes);
    const values = [...tensors.values()].reduce((sum, { shape, data }) => {
      assert.equal(data.length, shape.reduce((a, b) => a * b, 1));
      return sum + data.length;
    }, 0);
    assert.ok(values <= MOST_VALUES, `${values} values`);
    return "read";
  } catch (error) {
    if (!(error instanceof AppError) || !Object.hasOwn(ERRORS, error.code)) throw error;
    return error.code;
  }
}

for (const [what, bytes, pack] of [
  ["a zip file of torch.save", fixture("views-zip.pt"), undefined],
  ["the pickle of a zip file", pickleOf(fixture("views-zip.pt")), repacked],
  ["a legacy checkpoint", fixture("checkpoint-legacy.pt"), undefined],
  ["a legacy file of protocol 4", fixture("kinds-legacy4.pt"), undefined],
  ["a safetensors file", writeSafetensors((await readStateDict(fixture("views-zip.pt"))).tensors, { note: "x" }), undefined],
] as const) {
  it(`${EACH} damaged copies of ${what} each end in a named error or in tensors (seed ${SEED})`, async (t) => {
    const counts: Record<string, number> = {};
    const before = process.memoryUsage.rss();
    let most = before;
    for (const mutant of mutations(SEED, bytes, EACH)) {
      const end = await outcome(pack ? pack(mutant) : mutant);
      counts[end] = (counts[end] ?? 0) + 1;
      most = Math.max(most, process.memoryUsage.rss());
    }
    t.diagnostic(`${what}: ${JSON.stringify(counts)}; at most ${Math.round((most - before) / 2 ** 20)} MiB more`);
    assert.ok(most - before < MOST_BYTES, `${most - before} bytes`);
    assert.ok((counts["WEIGHTS_CORRUPT"] ?? 0) > EACH / 20 && (counts["read"] ?? 0) > EACH / 100, "the damage was too much or too little to say anything");
  });
}

it("a safetensors header nested without end is refused, not followed", () => {
  const text = Buffer.from(`{"x":${"[".repeat(1_000_000)}`);
  assert.throws(() => readSafetensors(Buffer.concat([Buffer.from(BigUint64Array.of(BigInt(text.length)).buffer), text])), { code: "WEIGHTS_CORRUPT", message: /a JSON header/ });
});
