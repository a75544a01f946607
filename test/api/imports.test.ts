import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eq } from "drizzle-orm";

import { datasets, models, runFiles } from "../../schema/tables/tables.ts";
import { blobPath } from "../../services/common/blob-files.ts";
import { resolveImportPath } from "../../services/common/import-paths.ts";
import { newId } from "../../services/common/ids.ts";
import { type Api, DIGITS, openApi } from "../support/api.ts";
import { makeModel } from "../support/runs.ts";

const MUTATION = Object.fromEntries(([["importModel", "ImportModelInput"], ["registerDataset", "RegisterDatasetInput"], ["exportModel", "ExportModelInput"], ["predict", "PredictInput"]] as const)
  .map(([name, type]) => [name, `mutation($input: ${type}!) { ${name}(input: $input) { id kind status config dataset { name } models { id } } }`]));

const outside = realpathSync(mkdtempSync(join(tmpdir(), "lorenz-outside-")));
const root = realpathSync(mkdtempSync(join(tmpdir(), "lorenz-root-")));
const content = Buffer.from("some weights");
const sha256 = createHash("sha256").update(content).digest("hex");
let api: Api;
let model: string;
let deleted: string;
/** Has no data set. */
let loose: string;

before(async () => {
  for (const folder of [outside, root]) writeFileSync(join(folder, "weights.pth"), "w");
  mkdirSync(join(root, "images/cat"), { recursive: true });
  symlinkSync(join(outside, "weights.pth"), join(root, "link.pth"));
  symlinkSync(outside, join(root, "linked"));
  symlinkSync(join(root, "weights.pth"), join(root, "inner.pth"));
  symlinkSync("loop", join(root, "loop"));
  api = await openApi({ importRoots: [root] });
  [model, deleted, loose] = await Promise.all([1, 2, 3].map(async () => (await makeModel(api.database, api.blobDir)).modelId)) as [string, string, string];
  await api.ask("mutation($id: ID!) { deleteModel(id: $id) { id } }", { id: deleted });
  await api.database.db.update(models).set({ dataset: null }).where(eq(models.id, loose));
  assert.equal((await fetch(`${api.url}/blobs/${sha256}`, { method: "PUT", body: content })).status, 201);
});
after(async () => {
  await api.close();
  for (const folder of [outside, root]) rmSync(folder, { recursive: true });
});

const file = { sha256 };
const stateDict = { stateDict: { file, architecture: "TINY_CNN" } };
const local = (path: string) => ({ name: "m", dataset: "mnist-digits", from: { onnx: { file: { path } } } });
const NORMALISATION = { mean: [0.2], std: [0.3] };
const start = async (name: string, input: object) => (await api.ask(MUTATION[name]!, { input }))[name];
const filesOf = async (runId: string) => (await api.database.db.select().from(runFiles).where(eq(runFiles.runId, runId))).map((row) => [row.sha256, row.role]);

describe("importModel", () => {
  it("queues a run whose config has all that follows from the data set, and keeps the upload for it", async () => {
    const run = await start("importModel", { name: "m", from: stateDict, dataset: "mnist-digits", source: "a paper", licence: "MIT", golden: { dataset: "mnist-digits", cleanAccuracy: 0.9 } });
    assert.deepEqual([run.kind, run.status, run.dataset.name], ["IMPORT_MODEL", "QUEUED", "mnist-digits"]);
    assert.deepEqual(run.config, {
      kind: "import-model", name: "m", from: { kind: "state-dict", file, architecture: "tiny-cnn" }, dataset: "mnist-digits",
      normalisation: { mean: [0.13], std: [0.31], from: "dataset" }, inputShape: [1, 28, 28], classNames: DIGITS.classes, classCount: 10,
      source: "a paper", licence: "MIT", golden: { dataset: "mnist-digits", split: "test", cleanAccuracy: 0.9, tolerance: 0.001 },
    });
    assert.deepEqual(await filesOf(run.id), [[sha256, "input"]]);
    await api.ask("mutation($id: ID!) { cancelRun(id: $id) { id } }", { id: run.id });
    assert.deepEqual(await filesOf(run.id), []);
  });

  it("needs no data set where the input says the rest, and prefers what it says", async () => {
    const alone = await start("importModel", { name: "m", from: { onnx: { file } }, normalisation: NORMALISATION });
    assert.deepEqual(alone.config, { kind: "import-model", name: "m", from: { kind: "onnx", file }, normalisation: { ...NORMALISATION, from: "given" } });
    assert.equal(alone.dataset, null);
    const named = await start("importModel", { name: "m", from: stateDict, inputShape: [1, 28, 28], classNames: ["a", "b"] });
    assert.deepEqual([named.config.classCount, named.config.normalisation], [2, undefined]);
    const given = await start("importModel", { name: "m", from: stateDict, dataset: "mnist-digits", normalisation: NORMALISATION });
    assert.deepEqual(given.config.normalisation, { ...NORMALISATION, from: "given" });
  });

  it("takes a local file inside an allowed folder, also through a link inside it", async () => {
    for (const name of ["weights.pth", "inner.pth", "images/../weights.pth"]) assert.equal((await start("importModel", local(join(root, name)))).status, "QUEUED");
  });
});

describe("registerDataset", () => {
  it("queues a run with every kind of source and its defaults", async () => {
    const sources: [object, object][] = [
      [{ cifar: { set: "CIFAR10", root } }, { kind: "cifar", set: "cifar10", root, labels: "fine" }],
      [{ cifar: { set: "CIFAR100", files: { test: [file] }, labels: "COARSE" } }, { kind: "cifar", set: "cifar100", files: { train: [], test: [file] }, labels: "coarse" }],
      [{ idx: { test: { images: file, labels: { path: join(root, "weights.pth") } } } }, { kind: "idx", test: { images: file, labels: { path: join(root, "weights.pth") } } }],
      [{ imageFolder: { test: join(root, "images"), transform: { resize: 8, crop: 4 } } }, { kind: "image-folder", test: join(root, "images"), transform: { exif: false, colour: "rgb", resize: 8, interpolation: "bilinear", crop: 4 } }],
      [{ npy: { test: { images: file, labels: file }, classes: ["a"] } }, { kind: "npy", layout: "auto", test: { images: file, labels: file }, classes: ["a"] }],
      [{ npz: { file, layout: "NCHW" } }, { kind: "npz", layout: "nchw", file, test: { images: "x_test", labels: "y_test" } }],
      [{ tinyImagenet: { root } }, { kind: "tiny-imagenet", root, transform: { exif: false, colour: "rgb", interpolation: "bilinear" } }],
      [{ imagenet: { root } }, { kind: "imagenet", root, transform: { exif: false, colour: "rgb", resize: 256, interpolation: "bilinear", crop: 224 } }],
      [{ cifarC: { set: "CIFAR10", root, corruption: "fog", severity: 5 } }, { kind: "cifar-c", set: "cifar10", root, corruption: "fog", severity: 5 }],
      [{ imagenetC: { root, corruption: "fog", severity: 1 } }, { kind: "imagenet-c", root, corruption: "fog", severity: 1, transform: { exif: false, colour: "rgb", interpolation: "bilinear" } }],
      [{ imageList: { images: [{ file, label: 3 }], transform: { colour: "GREY" } } }, { kind: "image-list", images: [{ file, label: 3 }], transform: { exif: false, colour: "grey", interpolation: "bilinear" } }],
    ];
    for (const [i, [from, config]] of sources.entries()) {
      const run = await start("registerDataset", { name: `own-${i}`, from });
      assert.deepEqual([run.kind, run.config], ["REGISTER_DATASET", { kind: "register-dataset", name: `own-${i}`, title: `own-${i}`, from: config }]);
    }
  });
});

describe("exportModel and predict", () => {
  it("queue runs on the model", async () => {
    const exported = await start("exportModel", { model, format: "ONNX" });
    assert.deepEqual([exported.config, exported.models], [{ kind: "export-model", model, format: "onnx" }, [{ id: model }]]);
    const predicted = await start("predict", { model: model.toUpperCase(), images: { dataset: { indices: [0, 1999] } } });
    assert.deepEqual(predicted.config, { kind: "predict", model, images: { kind: "dataset", dataset: "mnist-digits", split: "test", indices: [0, 1999] }, topK: 5 });
    const uploaded = await start("predict", { model: loose, images: { files: { files: [file, { path: join(root, "weights.pth") }] } }, topK: 2 });
    assert.deepEqual(uploaded.config, { kind: "predict", model: loose, images: { kind: "files", files: [file, { path: join(root, "weights.pth") }] }, topK: 2 });
  });

  it("predict makes an upload of a picture in the request", async () => {
    const picture = Buffer.from("not looked into");
    const run = await start("predict", { model, images: { data: { base64: [picture.toString("base64")] } } });
    const name = createHash("sha256").update(picture).digest("hex");
    assert.deepEqual(run.config.images, { kind: "files", files: [{ sha256: name }] });
    assert.deepEqual(await filesOf(run.id), [[name, "input"]]);
    assert.ok(Buffer.from(await (await fetch(`${api.url}/blobs/${name}`)).arrayBuffer()).equals(picture));
  });
});

describe("the same key", () => {
  it("returns the same import, and refuses another", async () => {
    const input = { name: "m", from: stateDict, dataset: "mnist-digits", idempotencyKey: "import" };
    assert.equal((await start("importModel", input)).id, (await start("importModel", input)).id);
    const fault = await api.fault(MUTATION["importModel"]!, { input: { ...input, name: "other" } });
    assert.deepEqual([fault.code, fault.field], ["CONFLICT", "input.idempotencyKey"]);
  });
});

describe("refusals name the field and store nothing:", () => {
  const unknown = { sha256: "0".repeat(64) };
  const m = { name: "m", from: stateDict, dataset: "mnist-digits" };
  const golden = (more: object) => ({ ...m, golden: { dataset: "mnist-digits", cleanAccuracy: 0.5, ...more } });
  const folder = (path: string) => ({ name: "own", from: { imageFolder: { test: path } } });
  const cases: [string, string, () => object, string, string][] = [
    ["an upload that is not there", "importModel", () => ({ ...m, from: { onnx: { file: unknown } } }), "NOT_FOUND", "input.from.onnx.file.sha256"],
    ["a hash that is none", "importModel", () => ({ ...m, from: { onnx: { file: { sha256: "../x" } } } }), "INVALID_INPUT", "input.from.onnx.file.sha256"],
    ["an empty path", "importModel", () => local(""), "INVALID_INPUT", "input.from.onnx.file.path"],
    ["no file", "importModel", () => ({ ...m, from: { onnx: { file: {} } } }), "INVALID_INPUT", "input.from.onnx.file"],
    ["two sources", "importModel", () => ({ ...m, from: { ...stateDict, onnx: { file } } }), "INVALID_INPUT", "input.from"],
    ["a name that is empty", "importModel", () => ({ ...m, name: " " }), "INVALID_INPUT", "input.name"],
    ["an unknown data set", "importModel", () => ({ ...m, dataset: "nowhere" }), "NOT_FOUND", "input.dataset"],
    ["a data set without files", "importModel", () => ({ ...m, dataset: "fashion-mnist" }), "INVALID_INPUT", "input.dataset"],
    ["a state dict of unknown shape", "importModel", () => ({ name: "m", from: stateDict }), "INVALID_INPUT", "input.inputShape"],
    ["a state dict without classes", "importModel", () => ({ name: "m", from: stateDict, inputShape: [1, 28, 28] }), "INVALID_INPUT", "input.classCount"],
    ["an ONNX file without normalisation", "importModel", () => ({ name: "m", from: { onnx: { file } } }), "INVALID_INPUT", "input.normalisation"],
    ["a shape of two sides", "importModel", () => ({ ...m, inputShape: [28, 28] }), "INVALID_INPUT", "input.inputShape"],
    ["a side that is too long", "importModel", () => ({ ...m, inputShape: [1, 28, 1025] }), "INVALID_INPUT", "input.inputShape.2"],
    ["another shape than the data set's", "importModel", () => ({ ...m, inputShape: [3, 28, 28] }), "DATASET_MISMATCH", "input.inputShape"],
    ["other classes than the data set's", "importModel", () => ({ ...m, classNames: ["a", "b"] }), "DATASET_MISMATCH", "input.classNames"],
    ["another number of classes than names", "importModel", () => ({ ...m, classNames: ["a", "b"], classCount: 3 }), "INVALID_INPUT", "input.classCount"],
    ["a standard deviation of 0", "importModel", () => ({ ...m, normalisation: { mean: [0], std: [0] } }), "INVALID_INPUT", "input.normalisation.std.0"],
    ["more means than deviations", "importModel", () => ({ ...m, normalisation: { mean: [0, 0], std: [1] } }), "INVALID_INPUT", "input.normalisation.std"],
    ["a normalisation of other channels", "importModel", () => ({ ...m, normalisation: { mean: [0, 0, 0], std: [1, 1, 1] } }), "INVALID_INPUT", "input.normalisation.mean"],
    ["a golden on an unknown data set", "importModel", () => golden({ dataset: "nowhere" }), "NOT_FOUND", "input.golden.dataset"],
    ["a golden on images of another shape", "importModel", () => golden({ dataset: "cifar10" }), "DATASET_MISMATCH", "input.golden.dataset"],
    ["an accuracy above 1", "importModel", () => golden({ cleanAccuracy: 91.7 }), "INVALID_INPUT", "input.golden.cleanAccuracy"],
    ["a golden on more images than there are", "importModel", () => golden({ count: 2001 }), "INVALID_INPUT", "input.golden.count"],
    ["a golden image outside the split", "importModel", () => golden({ indices: [0, 2000] }), "INVALID_INPUT", "input.golden.indices.1"],
    ["a golden image twice", "importModel", () => golden({ indices: [7, 7] }), "INVALID_INPUT", "input.golden.indices.1"],
    ["both indices and count", "importModel", () => golden({ indices: [7], count: 1 }), "INVALID_INPUT", "input.golden.count"],
    ["a built-in name", "registerDataset", () => ({ ...folder(root), name: "cifar10" }), "INVALID_INPUT", "input.name"],
    ["a name with a slash", "registerDataset", () => ({ ...folder(root), name: "a/b" }), "INVALID_INPUT", "input.name"],
    ["a name that is taken", "registerDataset", () => ({ ...folder(root), name: "taken" }), "CONFLICT", "input.name"],
    ["both a folder and files", "registerDataset", () => ({ name: "own", from: { cifar: { set: "CIFAR10", root, files: { test: [file] } } } }), "INVALID_INPUT", "input.from.cifar.files"],
    ["a severity of 6", "registerDataset", () => ({ name: "own", from: { cifarC: { set: "CIFAR10", root, corruption: "fog", severity: 6 } } }), "INVALID_INPUT", "input.from.cifarC.severity"],
    ["a picture that is not there", "registerDataset", () => ({ name: "own", from: { imageList: { images: [{ file, label: 0 }, { file: unknown, label: 1 }] } } }), "NOT_FOUND", "input.from.imageList.images.1.file.sha256"],
    ["a folder outside", "registerDataset", () => folder(outside), "INVALID_INPUT", "input.from.imageFolder.test"],
    ["an unknown model", "exportModel", () => ({ model: newId(), format: "ONNX" }), "NOT_FOUND", "input.model"],
    ["a deleted model", "exportModel", () => ({ model: deleted, format: "ONNX" }), "MODEL_DELETED", "input.model"],
    ["a deleted model", "predict", () => ({ model: deleted, images: { files: { files: [file] } } }), "MODEL_DELETED", "input.model"],
    ["an index outside the split", "predict", () => ({ model, images: { dataset: { indices: [2000] } } }), "INVALID_INPUT", "input.images.dataset.indices.0"],
    ["a data set that does not fit", "predict", () => ({ model, images: { dataset: { dataset: "cifar10", indices: [0] } } }), "DATASET_MISMATCH", "input.model"],
    ["no data set for a model without one", "predict", () => ({ model: loose, images: { dataset: { indices: [0] } } }), "INVALID_INPUT", "input.images.dataset.dataset"],
    ["no pictures", "predict", () => ({ model, images: { files: { files: [] } } }), "INVALID_INPUT", "input.images.files.files"],
    ["a data set with a single class", "importModel", () => ({ name: "m", from: stateDict, dataset: "taken" }), "INVALID_INPUT", "input.classNames"],
    ["a picture that was not uploaded", "predict", () => ({ model, images: { files: { files: [file, unknown] } } }), "NOT_FOUND", "input.images.files.files.1.sha256"],
    ["what is not base64", "predict", () => ({ model, images: { data: { base64: ["AAAA", "a*b="] } } }), "INVALID_INPUT", "input.images.data.base64.1"],
    ["a picture that is too large", "predict", () => ({ model, images: { data: { base64: [Buffer.alloc(2 ** 20 + 1).toString("base64")] } } }), "INVALID_INPUT", "input.images.data.base64.0"],
    ["too many classes", "predict", () => ({ model, images: { files: { files: [file] } }, topK: 101 }), "INVALID_INPUT", "input.topK"],
  ];
  before(() => api.database.db.insert(datasets).values({ name: "taken", title: "t", available: true, trainCount: 0, testCount: 1, inputShape: [1, 2, 2], classes: ["a"], normalisation: { mean: [0], std: [1] }, licence: "", source: "", origin: "registered" }));
  for (const [what, name, input, code, field] of cases) {
    it(`${name}: ${what}`, async () => {
      const before = await api.work();
      const fault = await api.fault(MUTATION[name]!, { input: input() });
      assert.deepEqual([fault.code, fault.field], [code, field], fault.message);
      assert.deepEqual(await api.work(), before);
    });
  }

  it("a run on a model without a data set must name one", async () => {
    const fault = await api.fault("mutation($input: AttributeImagesInput!) { attributeImages(input: $input) { id } }", { input: { model: loose } });
    assert.deepEqual([fault.code, fault.field], ["INVALID_INPUT", "input.dataset"]);
  });
});

describe("local paths", () => {
  const outsiders = (): string[] => [
    "/etc/passwd", outside, join(outside, "weights.pth"), `${root}/../${outside.split("/").at(-1)}/weights.pth`, `${root}-other`, `${root}x/weights.pth`, join(root, ".."), "/", "",
    "weights.pth", "./weights.pth", "~/weights.pth", `${root}/a\0b`, `file://${root}/weights.pth`,
    join(root, "link.pth"), join(root, "linked"), join(root, "linked/weights.pth"), join(root, "loop"), join(root, "missing.pth"),
  ];

  it("are refused outside the allowed folders, however they are written, by one and the same words", async () => {
    for (const path of outsiders()) {
      await assert.rejects(resolveImportPath(path, [root], "here"), { code: "INVALID_INPUT", message: /^here: expected / }, path);
    }
    const messages = await Promise.all(["/etc/passwd", "/etc/no-such-file"].map((path) => resolveImportPath(path, [root], "f").then(() => "", (error: Error) => error.message.replace(path, ""))));
    assert.equal(messages[0], messages[1], "which tells nobody what is there");
  });

  it("are real ones from then on", async () => {
    assert.equal(await resolveImportPath(join(root, "inner.pth"), ["/no/such/root", root], "f"), join(root, "weights.pth"));
    assert.equal(await resolveImportPath(root, [root], "f"), root);
    assert.equal(await resolveImportPath(join(root, "images"), [`${root}/`], "f"), join(root, "images"));
  });

  it("work where the allowed folder is itself a link", async () => {
    const link = join(outside, "to-root");
    symlinkSync(root, link);
    assert.equal(await resolveImportPath(join(link, "weights.pth"), [link], "f"), join(root, "weights.pth"));
    assert.equal(await resolveImportPath(join(root, "weights.pth"), [link], "f"), join(root, "weights.pth"));
  });

  it("are all refused when no folder is allowed", async () => {
    await assert.rejects(resolveImportPath(join(root, "weights.pth"), [], "f"), { code: "INVALID_INPUT", message: /LORENZ_IMPORT_ROOTS/ });
  });

  it("and through the API", async () => {
    for (const path of ["/etc/passwd", join(root, "link.pth"), join(root, "../x"), "weights.pth"]) {
      const fault = await api.fault(MUTATION["importModel"]!, { input: local(path) });
      assert.deepEqual([fault.code, fault.field], ["INVALID_INPUT", "input.from.onnx.file.path"], fault.message);
    }
  });

  it("blob names stay inside the blob folder", () => assert.throws(() => blobPath(api.blobDir, "../".repeat(22)), { code: "NOT_FOUND" }));
});
