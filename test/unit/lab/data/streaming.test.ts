import assert from "node:assert/strict";
import { closeSync, ftruncateSync, openSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { imageTransformSchema } from "../../../../schema/jobs/dataset.ts";
import { ahead } from "../../../../services/lab/data/ahead.ts";
import { batchesOf } from "../../../../services/lab/data/batches.ts";
import { type Dataset, gather } from "../../../../services/lab/data/dataset.ts";
import { Gate } from "../../../../services/lab/data/gate.ts";
import { inspect } from "../../../../services/lab/data/inspect.ts";
import { PictureSplit } from "../../../../services/lab/data/pictures/picture-split.ts";
import { isStreamed } from "../../../../services/lab/data/streamed-split.ts";
import { writeNpy } from "../../../../services/lab/formats/npy.ts";
import { FIXTURES, open, temporaryFolder } from "../../../support/dataset-fixtures.ts";

const later = <T>(value: T): Promise<T> => new Promise((done) => { setImmediate(() => done(value)); });

describe("what is made ahead", () => {
  it("comes in order, with so many begun and no more", async () => {
    let begun = 0;
    const seen: [number, number][] = [];
    for await (const value of ahead([1, 2, 3, 4, 5], (item) => { begun++; return later(item * 10); })) seen.push([value, begun]);
    assert.deepEqual(seen, [[10, 3], [20, 4], [30, 5], [40, 5], [50, 5]]);
  });
  it("fails where it was asked for, and nothing goes on when the caller stops", async () => {
    let going = 0;
    const make = async (item: number): Promise<number> => {
      going++;
      try { return await later(item).then((value) => { if (value === 2) throw new Error("two"); return value; }); } finally { going--; }
    };
    const got: number[] = [];
    await assert.rejects(async () => { for await (const value of ahead([1, 2, 3, 4], make)) got.push(value); }, /two/);
    assert.deepEqual([got, going], [[1], 0]);
    for await (const value of ahead([1, 3, 4], make)) if (value === 1) break;
    assert.equal(going, 0);
  });
});

describe("a gate", () => {
  it("lets in so many at a time, in turn, failures too", async () => {
    const gate = new Gate(3);
    let inside = 0;
    let most = 0;
    const order: number[] = [];
    const enterAll = (): Promise<PromiseSettledResult<number>[]> => Promise.allSettled(Array.from({ length: 20 }, (_, i) => gate.run(async () => {
      most = Math.max(most, ++inside);
      order.push(i);
      await later(undefined);
      inside--;
      if (i % 5 === 0) throw new Error(String(i));
      return i;
    })));
    const inTurn = Array.from({ length: 20 }, (_, i) => i);
    assert.equal((await enterAll()).filter(({ status }) => status === "rejected").length, 4);
    assert.deepEqual([most, order], [3, inTurn]);
    await enterAll(); // as many places as before
    assert.deepEqual([most, order], [3, [...inTurn, ...inTurn]]);
  });
});

describe("50,000 images in a .npy file of 240 MB", () => {
  const COUNT = 50_000;
  const IMAGE = 40 * 40 * 3;
  let folder: string;
  let remove: () => void;
  let source: { kind: "npy"; test: { images: { path: string }; labels: { path: string } } };
  /** The byte of an image's first channel, in a file that is else zeros. */
  const paint = (image: number, value: number, length = IMAGE / 3): void => {
    const file = openSync(source.test.images.path, "r+");
    writeSync(file, new Uint8Array(3 * length).map((_, p) => (p % 3 === 0 ? value : 0)), 0, 3 * length, 128 + image * IMAGE);
    closeSync(file);
  };
  before(() => {
    ({ folder, remove } = temporaryFolder());
    const [images, labels] = [join(folder, "images.npy"), join(folder, "labels.npy")];
    source = { kind: "npy", test: { images: { path: images }, labels: { path: labels } } };
    const header = Buffer.from(writeNpy({ type: "u8", shape: [0, 40, 40, 3], data: new Uint8Array(0) })).toString("latin1").replace("(0,", `(${COUNT},`).replace(/ {4}\n$/, "\n");
    const file = openSync(images, "w");
    writeSync(file, Buffer.from(header, "latin1"));
    ftruncateSync(file, 128 + COUNT * IMAGE);
    closeSync(file);
    paint(49_999, 255);
    paint(31_250, 51); // the eleventh of sixteen that are looked at
    const labelsFile = openSync(labels, "w");
    writeSync(labelsFile, writeNpy({ type: "i64", shape: [COUNT], data: BigInt64Array.from({ length: COUNT }, (_, i) => BigInt(i % 1000)) }));
    closeSync(labelsFile);
  });
  after(() => remove());

  let dataset: Dataset;
  it("are hashed and measured in a bounded part of memory", async (t) => {
    assert.equal(statSync(source.test.images.path).size, 128 + COUNT * IMAGE);
    const before = process.resourceUsage().maxRSS;
    dataset = await open(source);
    const grown = (process.resourceUsage().maxRSS - before) / 1024;
    t.diagnostic(`peak memory grew by ${Math.round(grown)} MiB`);
    assert.ok(grown < 120, `${grown} MiB`);
    assert.ok(isStreamed(dataset.splits.test));
    assert.ok(Math.abs(dataset.mean[0]! - 1.2 / COUNT) < 1e-12 && dataset.mean[1] === 0, dataset.mean.join());
  });
  it("are read where they are asked for", async () => {
    const x = await gather(dataset, "test", [49_999, 0, 31_250]);
    assert.deepEqual([x.length, x[0], x[IMAGE / 3], x[IMAGE], x[2 * IMAGE], x[2 * IMAGE + 1599]], [3 * IMAGE, 1, 0, 0, Math.fround(0.2), Math.fround(0.2)]);
    assert.deepEqual([dataset.classes.length, dataset.splits.test.labels[49_999]], [1000, 999]);
  });
  it("are not read in full when they are opened again, and are refused when they have changed", async () => {
    const report = await inspect(dataset);
    const known = { ...report, contentHash: "as registered", mean: [0.25, 0.5, 0.75] };
    const again = await open(source, { known });
    assert.deepEqual([again.contentHash, again.mean], ["as registered", [0.25, 0.5, 0.75]], "taken from the record");
    paint(31_250, 52, 1);
    await assert.rejects(open(source, { known }), { code: "DATASET_CORRUPT", message: /expected the files that were registered/ });
  });
});

it("pictures are decoded a few at a time and not kept", async (t) => {
  const path = join(FIXTURES, "pictures", "444.jpg");
  const files = Array.from({ length: 50_000 }, () => ({ path, name: "444.jpg", bytes: statSync(path).size }));
  const split = new PictureSplit(files, new Uint8Array(50_000), imageTransformSchema.parse({ resize: 256, crop: 224 }), [3, 224, 224]);
  const dataset = { name: "p", splits: { train: split, test: split }, inputShape: [3, 224, 224] } as unknown as Dataset;
  const some = Uint32Array.from({ length: 640 }, (_, i) => i * 78);
  const before = process.resourceUsage().maxRSS;
  let images = 0;
  for await (const x of ahead(batchesOf(some, 32), ({ indices }) => gather(dataset, "test", indices))) images += x.length / (3 * 224 * 224);
  const grown = (process.resourceUsage().maxRSS - before) / 1024;
  t.diagnostic(`peak memory grew by ${Math.round(grown)} MiB for ${images} images of 3×224×224, 367 MiB in f32`);
  assert.equal(images, 640);
  assert.ok(grown < 250, `${grown} MiB`);
});
