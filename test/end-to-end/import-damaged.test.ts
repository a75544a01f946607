import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { mutations } from "../support/mutate.ts";
import { NORMALISATION } from "../support/brought.ts";
import { WholeServer } from "../support/whole-server.ts";

const fixture = (name: string): Uint8Array => readFileSync(fileURLToPath(new URL(join("../fixtures", name), import.meta.url)));
const MUTANTS = 24;

type FileRef = { sha256: string };
interface Format {
  readonly bytes: () => Uint8Array;
  /** How the undamaged file ends; default SUCCEEDED. */
  readonly whole?: string;
  readonly mutation: string;
  /** `n` is another for every file. */
  readonly input: (file: FileRef, n: number) => object;
}

const shape = { inputShape: [3, 32, 32], classCount: 10, normalisation: NORMALISATION.resnet2b };
const dataset = (from: object, n: number): object => ({ name: `set-${n}`, from });

/** Files of each format, damaged in transit or on purpose, at the doors that a client has. */
describe("damaged uploads", { timeout: 600_000 }, () => {
  let server: WholeServer;
  let labels: FileRef;
  let idxLabels: FileRef;
  let model: string;
  let count = 0;
  const seen = new Set<string>();
  before(async () => {
    server = await WholeServer.open();
    labels = await server.upload(fixture("datasets/arrays/labels-i64.npy"));
    idxLabels = await server.upload(idx([10], Uint8Array.from({ length: 10 }, (_, i) => i)));
    const file = await server.upload(fixture("goldens/resnet2b_first2/resnet2b.safetensors"));
    ({ product: { id: model } } = await server.finish("importModel", { name: "whole", from: { stateDict: { file, architecture: "CIFAR_RESNET_2B" } }, ...shape }, "product { id }"));
  });
  after(() => server.close());

  const stateDict = (file: FileRef, n: number): object => ({ name: `model-${n}`, from: { stateDict: { file, architecture: "CIFAR_RESNET_2B" } }, ...shape });
  const FORMATS: Readonly<Record<string, Format>> = {
    safetensors: { bytes: () => fixture("goldens/resnet2b_first2/resnet2b.safetensors"), mutation: "importModel", input: stateDict },
    "PyTorch, zip": { bytes: () => fixture("state-dicts/checkpoint-zip.pt"), whole: "MODEL_MISMATCH", mutation: "importModel", input: stateDict },
    "PyTorch, legacy": { bytes: () => fixture("state-dicts/checkpoint-legacy.pt"), whole: "MODEL_MISMATCH", mutation: "importModel", input: stateDict },
    ONNX: { bytes: () => fixture("onnx/mixture.onnx"), mutation: "importModel", input: (file, n) => ({ name: `model-${n}`, from: { onnx: { file } }, normalisation: { mean: [0, 0, 0], std: [1, 1, 1] } }) },
    npy: { bytes: () => fixture("datasets/arrays/nhwc-u8.npy"), mutation: "registerDataset", input: (images, n) => dataset({ npy: { test: { images, labels } } }, n) },
    npz: { bytes: () => fixture("datasets/arrays/deflated.npz"), mutation: "registerDataset", input: (file, n) => dataset({ npz: { file, test: { images: "test_images", labels: "test_labels" } } }, n) },
    IDX: { bytes: () => idx([10, 28, 28], Uint8Array.from({ length: 7840 }, (_, i) => (7 * i) % 256)), mutation: "registerDataset", input: (images, n) => dataset({ idx: { test: { images, labels: idxLabels } } }, n) },
    "CIFAR, python": { bytes: () => fixture("datasets/cifar/cifar10-python2"), mutation: "registerDataset", input: (file, n) => dataset({ cifar: { set: "CIFAR10", files: { test: [file] } } }, n) },
    PNG: { bytes: () => fixture("datasets/pictures/palette.png"), mutation: "predict", input: (file) => ({ model, images: { files: { files: [file] } } }) },
  };

  const rows = async (): Promise<{ models: { name: string; weights: { sha256: string } }[]; datasets: string[] }> => {
    const { models, datasets } = await server.client.request<any>("{ models(first: 200) { edges { node { name weights { sha256 } } } } datasets { name origin } }");
    return { models: models.edges.map((edge: any) => edge.node), datasets: datasets.filter(({ origin }: any) => origin === "REGISTERED").map(({ name }: any) => name) };
  };

  for (const [name, { bytes, whole = "SUCCEEDED", mutation, input }] of Object.entries(FORMATS)) {
    it(`${name}: ends in a result or a named error, and nothing is left of what failed`, async (t) => {
      const before = await rows();
      const blobsBefore = server.blobs();
      const ended = await Promise.all([bytes(), ...mutations(12, bytes(), MUTANTS)].map(async (file) => {
        const upload = await server.upload(file);
        const config = input(upload, ++count) as { name?: string };
        const { status, error } = await server.run(mutation, config);
        const how = error?.code ?? status;
        assert.ok(how === "SUCCEEDED" || (status === "FAILED" && !["INTERNAL", "INVARIANT", "ATTEMPTS_EXHAUSTED"].includes(how)), `${status} ${JSON.stringify(error)}`);
        seen.add(how);
        return { how, upload: upload.sha256, made: config.name };
      }));
      assert.equal(ended[0]!.how, whole);
      const how = new Set(ended.map((run) => run.how));
      t.diagnostic([...how].map((one) => `${ended.filter((run) => run.how === one).length} ${one}`).join(", "));

      const now = await rows();
      const known = new Set([...before.models.map((row) => row.name), ...before.datasets]);
      const made = mutation === "predict" ? [] : ended.filter((run) => run.how === "SUCCEEDED").map((run) => run.made!);
      assert.deepEqual([...now.models.map((row) => row.name), ...now.datasets].filter((one) => !known.has(one)).sort(), made.sort());
      const allowed = new Set([...blobsBefore, ...ended.map(({ upload }) => upload), ...now.models.map(({ weights }) => weights.sha256)]);
      assert.deepEqual(server.blobs().filter((blob) => !allowed.has(blob)), []);
    });
  }

  it("weights of another network: the error's details name every tensor", async () => {
    const file = await server.upload(fixture("goldens/resnet2b_first2/resnet2b.safetensors"));
    const { error } = await server.run("importModel", { name: "other", from: { stateDict: { file, architecture: "CIFAR_RESNET20" } }, ...shape });
    const { missing, surplus, misshapen } = error!.details as Record<string, string[]>;
    assert.equal(error!.code, "MODEL_MISMATCH");
    assert.ok(missing!.length > 10 && missing!.includes("layer3.2.bn2.running_var") && surplus!.includes("linear1.weight"), JSON.stringify(error));
    assert.ok(misshapen!.includes("conv1.weight (expected [16, 3, 3, 3], got [8, 3, 3, 3])"), String(misshapen));
  });

  it("and all of this was some success, and errors of more than one kind", () => {
    assert.ok(seen.has("SUCCEEDED") && seen.size >= 4, [...seen].join());
  });
});

function idx(sides: readonly number[], bytes: Uint8Array): Uint8Array {
  const head = Buffer.alloc(4 + 4 * sides.length);
  head.writeUInt8(8, 2);
  head.writeUInt8(sides.length, 3);
  sides.forEach((side, i) => head.writeUInt32BE(side, 4 + 4 * i));
  return Buffer.concat([head, bytes]);
}
