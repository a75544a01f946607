import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import sharp from "sharp";

import { datasetSourceSchema } from "../../../../schema/jobs/dataset.ts";
import { AppError } from "../../../../services/common/errors.ts";
import { type Dataset, gather, type SplitName } from "../../../../services/lab/data/dataset.ts";
import { inspect } from "../../../../services/lab/data/inspect.ts";
import { MemorySplit } from "../../../../services/lab/data/memory-split.ts";
import { writeNpy } from "../../../../services/lab/formats/npy.ts";
import { FIXTURES, open, parseSource, temporaryFolder } from "../../../support/dataset-fixtures.ts";
import { mutations } from "../../../support/mutate.ts";

let folder: string;
let remove: () => void;
before(() => { ({ folder, remove } = temporaryFolder()); });
after(() => remove());

const picture = (name: string): string => join(FIXTURES, "pictures", name);
const array = (name: string): { path: string } => ({ path: join(FIXTURES, "arrays", name) });
const labels = array("labels-i64.npy");

/** A folder of pictures from { "class/file": a fixture, or a colour for a PNG of 4×4 }. */
async function pictures(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const root = join(folder, name);
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(join(root, file, ".."), { recursive: true });
    if (content.startsWith("#")) await sharp({ create: { width: 4, height: 4, channels: 3, background: content } }).png().toFile(join(root, file));
    else copyFileSync(picture(content), join(root, file));
  }
  return root;
}
const labelsOf = (dataset: Dataset, split: SplitName = "test"): number[] => [...dataset.splits[split].labels];
/** The first pixel of each test image: R, G, B. */
async function colours(dataset: Dataset, split: SplitName = "test"): Promise<number[][]> {
  const [c, h, w] = dataset.inputShape;
  const pixels = await dataset.splits[split].images(Array.from({ length: dataset.splits[split].count }, (_, i) => i));
  return Array.from({ length: dataset.splits[split].count }, (_, i) => Array.from({ length: c }, (_, k) => pixels[(i * c + k) * h * w]!));
}

describe("a folder of one folder per class", () => {
  it("is read in the order of torchvision's ImageFolder: classes by name, files by name, then those further in", async () => {
    const root = await pictures("order", { "b/2.png": "#000002", "b/10.PNG": "#000001", "a/z.png": "#000011", "a/in/a.png": "#000012", "B/x.png": "#000021", "a/notes.txt": "grey.png", "a/.hidden.png": "grey.png" });
    const dataset = await open({ kind: "image-folder", test: root });
    assert.deepEqual([dataset.classes, dataset.inputShape], [["B", "a", "b"], [3, 4, 4]]);
    assert.deepEqual(await colours(dataset), [[0, 0, 0x21], [0, 0, 0x11], [0, 0, 0x12], [0, 0, 1], [0, 0, 2]]);
    assert.deepEqual(labelsOf(dataset), [0, 1, 1, 2, 2]);
    assert.deepEqual([dataset.splits.train.count, dataset.std[0]], [0, 0]);
  });
  it("takes the classes of the training split, whichever of them the test split has", async () => {
    const train = await pictures("two/train", { "a/1.png": "#ff0000", "b/1.png": "#00ff00" });
    const test = await pictures("two/test", { "b/1.png": "#00ff00" });
    const dataset = await open({ kind: "image-folder", train, test });
    assert.deepEqual([labelsOf(dataset, "train"), labelsOf(dataset)], [[0, 1], [1]]);
    assert.deepEqual(dataset.mean, [0.5, 0.5, 0], "of the training split");
    const { warnings, test: held } = await inspect(dataset);
    assert.deepEqual(held, { count: 1, perClass: [0, 1] });
    assert.deepEqual(warnings.map(({ code, message }) => `${code}: ${message}`), [
      "EMPTY_CLASS: the test split has no image of 1 of 2 classes: a",
      "CONSTANT_CHANNEL: channel 2 has the same value in every pixel: a network cannot be trained on it, as it is divided by its standard deviation",
      "DUPLICATE_IMAGES: 1 test images are training images too: 0",
    ]);
    await assert.rejects(open({ kind: "image-folder", train: test, test: train }), { code: "DATASET_CORRUPT", message: /expected no other classes than in .*two\/test, got a/ });
  });
  it("with names that are odd, but names, is read", async () => {
    const names = ["a b", "ä☃", "it's \"quoted\"", "new\nline", "$(x)", "ünï.png"];
    const root = await pictures("odd", Object.fromEntries(names.map((name) => [`${name}/${name}.png`, "#102030"])));
    assert.deepEqual([...(await open({ kind: "image-folder", test: root })).classes].sort(), [...names].sort());
  });
  it("names the file that is no picture, cut, of another size, or of a format that is not read", async () => {
    const cases: [string, Record<string, string>, (root: string) => void, RegExp][] = [
      ["text", { "a/1.png": "#000000" }, (root) => writeFileSync(join(root, "a/2.jpg"), "not found"), /text\/a\/2\.jpg: expected the first bytes of/],
      ["cut", { "a/1.jpg": "444.jpg" }, (root) => writeFileSync(join(root, "a/2.jpg"), readFileSync(picture("444.jpg")).subarray(0, 900)), /cut\/a\/2\.jpg: expected a whole picture/],
      ["size", { "a/1.png": "#000000", "b/2.jpg": "444.jpg" }, () => undefined, /size\/b\/2\.jpg \(image 1\): expected 3×4×4 like the first image, got 3×43×61; ask for resize and crop/],
      ["bmp", { "a/1.png": "#000000", "a/2.BMP": "grey.png" }, () => undefined, /2\.BMP: expected JPEG, PNG or WebP, got \.bmp; convert or remove it/],
      ["empty", { "a/readme.txt": "grey.png" }, () => undefined, /expected at least one JPEG, PNG or WebP picture/],
    ];
    for (const [name, files, damage, message] of cases) {
      const root = await pictures(name, files);
      damage(root);
      await assert.rejects(open({ kind: "image-folder", test: root }), message, name);
    }
    const pipe = join(folder, "cut", "a", "3.png");
    execFileSync("mkfifo", [pipe]);
    await assert.rejects(open({ kind: "image-folder", test: join(folder, "cut") }), { code: "DATASET_UNAVAILABLE", message: /3\.png: expected a regular file/ });
    await assert.rejects(open({ kind: "npy", test: { images: { path: pipe }, labels } }), { code: "DATASET_UNAVAILABLE", message: /3\.png: expected a regular file/ });
    await assert.rejects(open({ kind: "image-folder", test: join(folder, "nowhere") }), { code: "DATASET_UNAVAILABLE", message: /nowhere: expected a readable file or folder, got ENOENT/ });
    await assert.rejects(open({ kind: "image-folder", test: picture("grey.png") }), { code: "DATASET_UNAVAILABLE", message: /got ENOTDIR/ });
  });
  it("asks where each link leads, and survives a loop of links", async () => {
    const root = await pictures("links", { "a/1.png": "#000000" });
    symlinkSync(picture("444.jpg"), join(root, "a", "2.jpg"));
    const asked: string[] = [];
    const refuseLinks = (ref: { path: string } | { sha256: string }): Promise<string> => {
      const path = "path" in ref ? ref.path : "";
      if (path !== root) asked.push(path);
      return path === root ? Promise.resolve(root) : Promise.reject(new AppError("INVALID_INPUT", "outside"));
    };
    await assert.rejects(open({ kind: "image-folder", test: root }, { locate: refuseLinks }), { code: "INVALID_INPUT" });
    assert.deepEqual(asked, [join(root, "a", "2.jpg")]);
    const loop = await pictures("loop", { "a/1.png": "#000000" });
    symlinkSync(join(loop, "a"), join(loop, "a", "again"));
    await assert.rejects(open({ kind: "image-folder", test: loop }), { code: "DATASET_CORRUPT", message: /expected folders without a loop of links/ });
  });
});

describe("NumPy's arrays", () => {
  it("of either layout, of bytes or floats, are the same images", async () => {
    const first = await open({ kind: "npy", test: { images: array("nhwc-u8.npy"), labels } });
    assert.deepEqual([first.inputShape, first.classes, labelsOf(first)], [[3, 5, 4], ["0", "1", "2"], [0, 1, 2, 2, 1, 0]]);
    const x = await gather(first, "test", [5, 0]);
    for (const name of ["nchw-u8.npy", "nchw-f32.npy", "nhwc-f64.npy"]) {
      const other = await open({ kind: "npy", test: { images: array(name), labels: array("labels-u1-column.npy") } });
      assert.deepEqual(await gather(other, "test", [5, 0]), x, name);
      other.mean.forEach((mean, k) => assert.ok(Math.abs(mean - first.mean[k]!) < 1e-7, name));
      other.std.forEach((std, k) => assert.ok(Math.abs(std - first.std[k]!) < 1e-7, name));
      assert.equal(other.contentHash === first.contentHash, name === "nchw-u8.npy", "floats are other content");
    }
    assert.deepEqual((await open({ kind: "npy", test: { images: array("grey-u8.npy"), labels } })).inputShape, [1, 5, 4]);
  });
  it("in archives are the same images", async () => {
    const plain = await open({ kind: "npy", test: { images: array("nhwc-u8.npy"), labels } });
    const stored = await open({ kind: "npz", file: array("stored.npz") });
    assert.equal(stored.contentHash, plain.contentHash);
    const packed = await open({ kind: "npz", file: array("deflated.npz"), test: { images: "test_images", labels: "test_labels" }, train: { images: "train_images", labels: "train_labels" }, classCount: 4 });
    assert.deepEqual([packed.splits.train.count, labelsOf(packed, "train"), packed.classes.length], [6, [0, 1, 2, 2, 1, 0], 4]);
    assert.deepEqual(await gather(packed, "train", [0]), await gather(plain, "test", [5]));
  });
  it("that do not fit are refused by name", async () => {
    const odd = (name: string, shape: number[], data: Uint8Array | Float32Array): { path: string } => {
      writeFileSync(join(folder, name), writeNpy({ type: data instanceof Uint8Array ? "u8" : "f32", shape, data }));
      return { path: join(folder, name) };
    };
    const six = (images: { path: string }): object => ({ kind: "npy", test: { images, labels } });
    const cases: [object, RegExp][] = [
      [six(odd("five.npy", [5, 2, 2], new Uint8Array(20))), /five\.npy: expected as many images as labels, 6, got 5/],
      [six(odd("flat.npy", [6, 12], new Uint8Array(72))), /flat\.npy: expected images \[n, h, w, c\].*got an array \[6, 12\]/],
      [six(odd("either.npy", [6, 3, 3, 3], new Uint8Array(162))), /either\.npy: expected 1 or 3 channels either first or last in \[6, 3, 3, 3\]; say the layout/],
      [six(odd("range.npy", [6, 1, 1], Float32Array.of(0, 1, 0.5, 255, 0, 0))), /range\.npy: images 0…: element 3: expected floats in \[0, 1\], got 255; divide by 255/],
      [six(odd("nan.npy", [6, 1, 1], Float32Array.of(0, 1, NaN, 0, 0, 0))), /element 2: expected floats in \[0, 1\], got NaN/],
      [six(labels), /expected images as u8, or as f32 or f64 in \[0, 1\], got i64/],
      [{ kind: "npy", test: { images: array("nhwc-u8.npy"), labels: array("nhwc-f64.npy") } }, /expected labels \[n\], got an array \[6, 5, 4, 3\]/],
      [{ kind: "npy", test: { images: array("nhwc-u8.npy"), labels }, classes: ["a", "b"] }, /labels-i64\.npy, label 2: expected less than the number of classes, 2, got 2/],
      [{ kind: "npz", file: array("deflated.npz") }, /deflated\.npz: expected an array "y_test", got .*test_images\.npy.*; say which are images/],
      [{ kind: "npz", file: array("nhwc-u8.npy") }, /expected a whole zip archive/],
    ];
    for (const [source, message] of cases) await assert.rejects(open(source as never), { code: "DATASET_CORRUPT", message });
  });
});

describe("damaged archives", () => {
  it("end in a named error or in images: 1,000 mutants", async () => {
    const path = join(folder, "mutant.npz");
    for (const mutant of mutations(6, readFileSync(array("deflated.npz").path), 1000)) {
      writeFileSync(path, mutant);
      const result: unknown = await open({ kind: "npz", file: { path }, test: { images: "test_images", labels: "test_labels" } }).catch((error: unknown) => error);
      if (result instanceof Error) assert.ok(result instanceof AppError && result.code === "DATASET_CORRUPT", result.stack);
      else assert.equal((result as Dataset).splits.test.count, 6);
    }
  });
});

describe("data sets in the folders that they are published in", () => {
  it("CIFAR: in the archive's folder, binary or pickled; not the archive itself", async () => {
    for (const [inside, fixture] of [["cifar-100-python/", "cifar100-protocol4"], ["", "cifar100.bin"]] as const) {
      const root = join(folder, `cifar${inside.length}`);
      mkdirSync(join(root, inside), { recursive: true });
      for (const name of ["train", "test"]) copyFileSync(join(FIXTURES, "cifar", fixture), join(root, inside, inside === "" ? `${name}.bin` : name));
      const dataset = await open({ kind: "cifar", set: "cifar100", root });
      assert.deepEqual([dataset.classes[99], dataset.classes.length, labelsOf(dataset)], ["worm", 100, [99, 0]]);
      assert.equal((await open({ kind: "cifar", set: "cifar100", root, labels: "coarse" })).classes[19], "vehicles_2");
    }
    await assert.rejects(open({ kind: "cifar", set: "cifar10", root: join(FIXTURES, "cifar", "cifar10.bin") }), /expected a folder, got a file; unpack the archive/);
    await assert.rejects(open({ kind: "cifar", set: "cifar10", root: folder }), /expected data_batch_1\.bin.*found none or not all/);
    const files = await open({ kind: "cifar", set: "cifar10", files: { test: [{ path: join(FIXTURES, "cifar", "cifar10.bin") }, { path: join(FIXTURES, "cifar", "cifar10-python2") }] } });
    assert.deepEqual(labelsOf(files), [3, 9, 3, 9]);
  });

  it("TinyImageNet: labels of the validation images from their list", async () => {
    const root = await pictures("tiny", { "train/n02/images/n02_0.JPEG": "444.jpg", "train/n01/images/n01_0.JPEG": "422.jpg", "val/images/val_0.JPEG": "444.jpg", "val/images/val_1.JPEG": "420.jpg" });
    writeFileSync(join(root, "wnids.txt"), "n02\nn01\n");
    writeFileSync(join(root, "words.txt"), "n01\tgoldfish, Carassius auratus\nn02\tbell\n");
    const annotate = (text: string): void => writeFileSync(join(root, "val", "val_annotations.txt"), text);
    annotate("val_1.JPEG\tn01\t0\t0\t62\t62\nval_0.JPEG\tn02\t0\t0\t62\t62\n");
    const dataset = await open({ kind: "tiny-imagenet", root });
    assert.deepEqual([dataset.classes, labelsOf(dataset, "train"), labelsOf(dataset), dataset.inputShape], [["goldfish", "bell"], [0, 1], [1, 0], [3, 43, 61]]);
    annotate("val_1.JPEG\tn01\n");
    await assert.rejects(open({ kind: "tiny-imagenet", root }), /val_0\.JPEG: expected a line of val_annotations\.txt with one of the 2 classes, got none/);
  });

  it("ImageNet: some of its classes keep their labels among the 1,000", async () => {
    const root = await pictures("imagenet", { "val/n03888257/1.JPEG": "444.jpg", "val/n01440764/1.JPEG": "422.jpg", "train/n03888257/1.JPEG": "420.jpg" });
    const transform = { resize: 20, crop: 16 };
    const dataset = await open({ kind: "imagenet", root, transform });
    assert.deepEqual([labelsOf(dataset), labelsOf(dataset, "train"), dataset.classes.length, dataset.classes[701], dataset.inputShape], [[0, 701], [701], 1000, "parachute", [3, 16, 16]]);
    assert.ok(dataset.splits.test.labels instanceof Uint16Array);
    const { warnings } = await inspect(dataset);
    assert.deepEqual(warnings.map(({ code }) => code), ["EMPTY_CLASS", "UNSEEN_CLASS"]);
    renameSync(join(root, "val", "n01440764"), join(root, "val", "tench"));
    await assert.rejects(open({ kind: "imagenet", root, transform }), /val: expected only folders named by the ids of the 1000 classes, got "tench"/);
  });

  it("ImageNet-C: a corruption at a severity", async () => {
    const root = await pictures("imagenet-c", { "blur/defocus_blur/3/n03888257/1.JPEG": "444.jpg" });
    assert.deepEqual(labelsOf(await open({ kind: "imagenet-c", root, corruption: "defocus_blur", severity: 3 })), [701]);
    await assert.rejects(open({ kind: "imagenet-c", root, corruption: "defocus_blur", severity: 4 }), { code: "DATASET_UNAVAILABLE", message: /expected defocus_blur\/4 in it, got blur/ });
  });

  it("CIFAR-10-C: a severity is its fifth of the array", async () => {
    const root = join(folder, "cifar-c");
    mkdirSync(root);
    const images = Uint8Array.from({ length: 10 * 3072 }, (_, p) => Math.floor(p / 3072) * 20 + (p % 2));
    writeFileSync(join(root, "fog.npy"), writeNpy({ type: "u8", shape: [10, 32, 32, 3], data: images }));
    writeFileSync(join(root, "labels.npy"), writeNpy({ type: "u8", shape: [10], data: Uint8Array.of(1, 2, 1, 2, 1, 2, 1, 2, 1, 2) }));
    const dataset = await open({ kind: "cifar-c", set: "cifar10", root, corruption: "fog", severity: 4 });
    assert.deepEqual([labelsOf(dataset), (await colours(dataset)).map(([r]) => r)], [[1, 2], [120, 140]]);
    await assert.rejects(open({ kind: "cifar-c", set: "cifar10", root, corruption: "frost", severity: 1 }), { code: "DATASET_UNAVAILABLE", message: /frost\.npy/ });
    writeFileSync(join(root, "labels.npy"), writeNpy({ type: "u8", shape: [11], data: new Uint8Array(11) }));
    await assert.rejects(open({ kind: "cifar-c", set: "cifar10", root, corruption: "fog", severity: 1 }), /labels\.npy: expected as many labels for each of 5 severities, got 11/);
  });

  it("IDX files of any size", async () => {
    const idx = (name: string, header: number[], data: number[]): { path: string } => {
      const bytes = Buffer.alloc(header.length * 4 + data.length);
      header.forEach((word, i) => bytes.writeUInt32BE(word, i * 4));
      bytes.set(data, header.length * 4);
      writeFileSync(join(folder, name), bytes);
      return { path: join(folder, name) };
    };
    const images = idx("images.idx", [0x803, 2, 1, 3], [1, 2, 3, 4, 5, 6]);
    const dataset = await open({ kind: "idx", test: { images, labels: idx("labels.idx", [0x801, 2], [7, 0]) } });
    assert.deepEqual([dataset.inputShape, labelsOf(dataset), dataset.classes.length], [[1, 1, 3], [7, 0], 8]);
    await assert.rejects(open({ kind: "idx", test: { images, labels: idx("other.idx", [0x801, 2], [7, 0]) }, classCount: 7 }), /other\.idx, label 0: expected less than the number of classes, 7, got 7/);
    await assert.rejects(open({ kind: "idx", test: { images: idx("none.idx", [0x803, 2 ** 31, 0, 0], []), labels: images } }), /none\.idx at 8: expected images of 1 to 4096 pixels each way, got 0×0/);
    await assert.rejects(open({ kind: "idx", test: { images: idx("wide.idx", [0x803, 1, 1, 5000], Array<number>(5000).fill(0)), labels: images } }), /wide\.idx at 8: expected images of 1 to 4096 pixels each way, got 1×5000/);
  });

  it("a list of files with a label each", async () => {
    const root = await pictures("list", { "1": "#ff0000", "2": "#00ff00" });
    const images = ["2", "1"].map((name, i) => ({ file: { path: join(root, name) }, label: i * 2 }));
    const dataset = await open({ kind: "image-list", images, classes: ["x", "y", "z"] });
    assert.deepEqual([await colours(dataset), labelsOf(dataset)], [[[0, 255, 0], [255, 0, 0]], [0, 2]]);
    await assert.rejects(open({ kind: "image-list", images, classCount: 2 }), /images, label 1: expected less than the number of classes, 2, got 2/);
  });
});

describe("a source", () => {
  it("says each thing once, and cuts no more than it resized to", () => {
    const npy = { kind: "npy", test: { images: labels, labels } } as const;
    const refused: [object, string][] = [
      [{ kind: "cifar", set: "cifar10" }, "files"], [{ kind: "cifar", set: "cifar10", root: "/a", files: { test: [labels] } }, "files"],
      [{ ...npy, classes: ["a"], classCount: 1 }, "classCount"], [{ kind: "image-folder", test: "/a", transform: { resize: 224, crop: 256 } }, "transform.crop"],
      [{ kind: "cifar-c", set: "cifar10", root: "/a", corruption: "../fog", severity: 1 }, "corruption"], [{ kind: "cifar-c", set: "cifar10", root: "/a", corruption: "fog", severity: 6 }, "severity"],
      [{ ...npy, test: { images: { sha256: "00" }, labels } }, "test.images.sha256"],
    ];
    for (const [source, field] of refused) assert.deepEqual(datasetSourceSchema.safeParse(source).error?.issues.map(({ path }) => path.join(".")), [field]);
  });
  it("of ImageNet is resized and cut as its networks expect, unless it says otherwise", () => {
    const source = parseSource({ kind: "imagenet", root: "/a" });
    assert.deepEqual(source.kind === "imagenet" && source.transform, { exif: false, colour: "rgb", resize: 256, interpolation: "bilinear", crop: 224 });
  });
});

describe("a registered data set that is opened again", () => {
  it("is the one that it was, or refused", async () => {
    const root = await pictures("again", { "a/1.png": "#ff0000", "b/1.png": "#00ff00" });
    const report = await inspect(await open({ kind: "image-folder", test: root }));
    const again = await open({ kind: "image-folder", test: root }, { known: report });
    assert.ok(again.splits.test instanceof MemorySplit, "small enough to be kept");
    assert.equal(again.contentHash, report.contentHash);
    await pictures("again", { "b/1.png": "#00fe00" });
    await assert.rejects(open({ kind: "image-folder", test: root }, { known: report }), { code: "DATASET_CORRUPT", message: /^brought: expected the images and labels that were registered \(sha256 .*register the changed data set under another name/ });
  });
  it("stops when the run is cancelled", async () => {
    await assert.rejects(open({ kind: "npy", test: { images: array("nhwc-u8.npy"), labels } }, { signal: AbortSignal.abort(new Error("cancelled")) }), /cancelled/);
  });
});
