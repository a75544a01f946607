import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { readStateDict } from "../../services/lab/models/weights/state-dict.ts";
import type { NamedTensor } from "../../services/lab/models/weights/tensor-file.ts";
import { cifarCheckpoint, sharedFile, sharedMissing } from "../support/shared.ts";

const folder = fileURLToPath(new URL("../fixtures/state-dicts", import.meta.url));
const fixture = (name: string): Uint8Array => readFileSync(join(folder, name));

type Expected = Readonly<Record<string, { readonly shape: readonly number[]; readonly data: readonly (number | string)[] }>>;
const expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Readonly<Record<string, Expected>>;

const FORMS = [["zip", "torch-zip"], ["zip5", "torch-zip"], ["legacy", "torch-legacy"], ["legacy4", "torch-legacy"]] as const;

function plain(tensors: ReadonlyMap<string, NamedTensor>): [string, readonly number[], readonly number[]][] {
  return [...tensors].map(([name, { shape, data }]) => [name, shape, [...data]]);
}

/** Against make-state-dicts.py: PyTorch's own conversion to float32, compared to the bit. */
describe("files of torch.save, protocols 2, 4 and 5, zip and legacy", () => {
  const paths: Readonly<Record<string, readonly string[]>> = { checkpoint: ["state_dict"], parameters: ["model"], views: [], kinds: [] };
  for (const [name, path] of Object.entries(paths)) {
    for (const [form, format] of FORMS) {
      it(`${name}-${form}: every tensor is PyTorch's`, async () => {
        const read = await readStateDict(fixture(`${name}-${form}.pt`));
        assert.equal(read.format, format);
        assert.deepEqual(read.path, path);
        assert.deepEqual(plain(read.tensors), Object.entries(expected[name]!).map(([key, { shape, data }]) => [key, shape, data.map((value) => (value === "inf" ? Infinity : value === "-inf" ? -Infinity : value))]));
      });
    }
  }

  it("leaves out batch counters", async () => {
    const { tensors, leftOut } = await readStateDict(fixture("checkpoint-zip.pt"));
    assert.ok(tensors.has("module.norm.running_mean") && !tensors.has("module.norm.num_batches_tracked"));
    assert.deepEqual(leftOut, []);
  });
});

describe("files that are no state dict are refused by name", () => {
  for (const [file, message] of [
    ["whole-model.pt", /"torch\.nn\.modules\.container\.Sequential", which is not read; save the weights alone/],
    ["torchscript.pt", /TorchScript program; save model\.state_dict\(\) instead/],
    ["weights.npz", /NumPy arrays \(\.npz\)/],
    ["bare.pickle", /PyTorch's magic number, got another pickle/],
  ] as const) it(file, () => assert.rejects(readStateDict(fixture(file)), { code: "WEIGHTS_UNSUPPORTED", message }));
});

describe("published checkpoints", { skip: sharedMissing() ?? false }, () => {
  for (const [file, safe, prefix, format] of [["resnet20-12fca82f.th", "resnet20", "module.", "torch-legacy"], ["resnet2b.pth", "resnet2b", "", "torch-zip"]] as const) {
    it(`${file} has the tensors of ${safe}.safetensors, to the bit`, async () => {
      const read = await readStateDict(sharedFile(`models/cifar10/${file}`));
      assert.deepEqual([read.format, read.path], [format, ["state_dict"]]);
      const { tensors } = cifarCheckpoint(safe);
      assert.deepEqual([...read.tensors.keys()].sort(), [...tensors.keys()].map((name) => prefix + name).sort());
      for (const [name, tensor] of tensors) assert.deepEqual(read.tensors.get(prefix + name), tensor, name);
    });
  }
});
