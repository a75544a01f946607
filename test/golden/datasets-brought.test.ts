import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, describe, it } from "node:test";

import { imageTransformSchema } from "../../schema/jobs/dataset.ts";
import type { Dataset } from "../../services/lab/data/dataset.ts";
import { inspect } from "../../services/lab/data/inspect.ts";
import { prepareImage } from "../../services/lab/data/pictures/transform.ts";
import { IMAGENET_CLASSES } from "../../services/lab/data/sources/imagenet-classes.ts";
import { imagenetteReference, open, pictureReferences, temporaryFolder } from "../support/dataset-fixtures.ts";
import { sharedData, sharedDataMissing } from "../support/shared.ts";

/** Data sets as they are published, against torchvision and against copies of the same images in other formats. */
describe("data sets that are brought", { skip: sharedDataMissing() }, () => {
  let folder: string;
  let remove: () => void;
  before(() => { ({ folder, remove } = temporaryFolder()); });
  after(() => remove());

  it("photographs become, to the byte, what torchvision's Resize and CenterCrop make of them", async (t) => {
    const references = pictureReferences("shared");
    for (const { file, transform, shape, sha256 } of references) {
      const path = join(sharedData, file);
      const image = await prepareImage(path, readFileSync(path), imageTransformSchema.parse(transform));
      assert.deepEqual(image.shape, shape, file);
      assert.equal(createHash("sha256").update(image.pixels).digest("hex"), sha256, `${file} ${JSON.stringify(transform)}`);
    }
    t.diagnostic(`${references.length} images equal`);
    assert.ok(references.length > 60);
  });

  it("Imagenette has torchvision's labels, mean and deviation", async () => {
    const dataset = await open({ kind: "imagenet", root: join(sharedData, "imagenette-val-200") });
    const { wnids, mean, std } = imagenetteReference();
    assert.deepEqual([...dataset.splits.test.labels].map((label) => IMAGENET_CLASSES[label]!.wnid), wnids);
    assert.deepEqual(dataset.inputShape, [3, 224, 224]);
    for (const [k, expected] of [...mean, ...std].entries()) assert.ok(Math.abs([...dataset.mean, ...dataset.std][k]! - expected) < 1e-9, `${dataset.mean} ${dataset.std}`);
    const { test, warnings } = await inspect(dataset);
    assert.deepEqual([test.count, test.perClass.filter((count) => count > 0), warnings.map(({ code }) => code)], [200, new Array(10).fill(20), ["EMPTY_CLASS"]]);
  });

  it("CIFAR-10's exact records are the images that Foolbox has as PNG", async () => {
    execFileSync("tar", ["xJf", join(sharedData, "cifar10-lossless.tar.xz"), "-C", folder]);
    const at = (name: string): string => join(folder, "cifar10-lossless", name);
    const { test_positions: positions } = JSON.parse(readFileSync(at("index.json"), "utf8")) as { test_positions: number[] };
    const exact = await open({ kind: "cifar", set: "cifar10", files: { train: [{ path: at("train_lossless.bin") }], test: [{ path: at("test_lossless.bin") }] } });
    assert.deepEqual([exact.splits.train.count, exact.splits.test.count], [8068, 1017]);
    const official = readFileSync(at("labels_test_10000.u8"));
    assert.deepEqual([...exact.splits.test.labels], positions.map((position) => official[position]!));

    const samples = readdirSync(join(sharedData, "foolbox-samples")).filter((name) => name.startsWith("cifar10_")).sort();
    const number = (name: string, part: number): number => Number(basename(name, ".png").split("_")[part]);
    const listed = await open({ kind: "image-list", images: samples.map((name) => ({ file: { path: join(sharedData, "foolbox-samples", name) }, label: number(name, 2) })), classCount: 10 });
    const pairs = samples.flatMap((name, i) => { const record = positions.indexOf(number(name, 1)); return record < 0 ? [] : [{ i, record }]; });
    assert.ok(pairs.length > 0, "some of the twenty are among the exact records");
    const images = (dataset: Dataset, indices: number[]): Promise<ArrayLike<number>> => dataset.splits.test.images(indices);
    assert.deepEqual(await images(listed, pairs.map(({ i }) => i)), await images(exact, pairs.map(({ record }) => record)));
    assert.deepEqual(pairs.map(({ i }) => listed.splits.test.labels[i]), pairs.map(({ record }) => exact.splits.test.labels[record]));
  });
});
