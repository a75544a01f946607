import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { crc32, deflateSync } from "node:zlib";
import { PNG } from "pngjs";
import sharp from "sharp";

import { imageTransformSchema } from "../../../../schema/jobs/dataset.ts";
import { prepareImage } from "../../../../services/lab/data/pictures/transform.ts";
import { FIXTURES, pictureReferences } from "../../../support/dataset-fixtures.ts";
import { mutations } from "../../../support/mutate.ts";

const read = (name: string): Uint8Array => readFileSync(join(FIXTURES, "pictures", name));
const prepare = (name: string, bytes: Uint8Array, transform: object = {}): ReturnType<typeof prepareImage> => prepareImage(name, bytes, imageTransformSchema.parse(transform));

describe("pictures are, to the byte, those of PIL and torchvision", () => {
  const references = pictureReferences("own");
  for (const file of new Set(references.map((reference) => reference.file))) {
    it(file, async () => {
      for (const { transform, shape, sha256 } of references.filter((reference) => reference.file === file)) {
        const image = await prepare(file, read(file), transform);
        const what = JSON.stringify(transform);
        assert.deepEqual(image.shape, shape, what);
        assert.equal(createHash("sha256").update(image.pixels).digest("hex"), sha256, what);
      }
    });
  }
});

/** A PNG of one byte per pixel, with any size in its header. */
function png(width: number, height: number, rows: Uint8Array): Uint8Array {
  const chunk = (type: string, data: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

describe("a picture file", () => {
  const jpeg = read("444.jpg");
  const refused: [string, Uint8Array, object, RegExp][] = [
    ["that is empty", new Uint8Array(0), {}, /^f: expected the first bytes of jpeg, png, webp, got an empty file/],
    ["that is text", Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'/>"), {}, /^f: expected the first bytes of/],
    ["that is a GIF", Buffer.from("GIF89a\x01\x00\x01\x00\x00\x00\x00;", "latin1"), {}, /^f: expected the first bytes of/],
    ["that only begins as a JPEG", jpeg.subarray(0, 20), {}, /^f: expected a whole picture/],
    ["that is a JPEG without its end", jpeg.subarray(0, jpeg.length - 400), {}, /^f: expected a whole picture/],
    ["that is a PNG without its end", read("rgba.png").subarray(0, 6000), {}, /^f: expected a whole picture/],
    ["that is a WebP without its end", read("lossless.webp").subarray(0, 3000), {}, /^f: expected a whole picture/],
    ["with 16 bits per channel", read("grey16.png"), {}, /^f: expected 8 bits per channel, got ushort/],
    ["that claims 100,000 × 100,000 pixels", png(100_000, 100_000, new Uint8Array(1000)), {}, /got Input image exceeds pixel limit/],
    ["that is a bomb of zeros", png(20_000, 20_000, new Uint8Array(20_001 * 20)), {}, /^f: expected a whole picture of at most 50000000 pixels, got Input image exceeds pixel limit/],
    ["smaller than what is cut from it", jpeg, { crop: 44 }, /^f: expected at least 44×44 pixels to cut from, got 61×43/],
    ["that is a strip, enlarged", png(1, 2000, new Uint8Array(4000)), { resize: 64 }, /^f: expected an image of at most 4096×4096 after resizing, got 64×128000; ask for a crop/],
  ];
  for (const [what, bytes, transform, message] of refused) {
    it(`${what} is refused by name`, async () => assert.rejects(prepare("f", bytes, transform), { code: "DATASET_CORRUPT", message, details: { file: "f" } }));
  }

  it("with a colour profile keeps its numbers, as in PIL", async () => {
    const rgb = Uint8Array.from({ length: 12 }, (_, i) => i * 20);
    const withProfile = await sharp(rgb, { raw: { width: 2, height: 2, channels: 3 } }).withIccProfile("p3").png().toBuffer();
    const stored = PNG.sync.read(withProfile).data; // knows nothing of profiles
    const { pixels } = await prepare("f", withProfile);
    assert.deepEqual([...pixels], [0, 1, 2].flatMap((k) => [0, 1, 2, 3].map((p) => stored[p * 4 + k])));
    assert.notDeepEqual([stored[4], stored[5], stored[6]], [rgb[3], rgb[4], rgb[5]], "the profile is another than sRGB");
  });
  it("that is a strip may be cut from, without its length in memory", async () => {
    const { shape, pixels } = await prepare("f", png(1, 40_000, Uint8Array.from({ length: 80_000 }, (_, i) => (i % 2 === 1 ? (i >> 1) % 256 : 0))), { resize: 64, crop: 8, colour: "grey" });
    assert.deepEqual(shape, [1, 8, 8]);
    assert.ok(new Set(pixels).size <= 3, "eight rows of 1/64 pixel each");
  });

  it("damaged in any way ends in an error of its name or in an image: 10,000 mutants of a PNG, 1,000 of a JPEG and a WebP", async () => {
    for (const [name, count] of [["444.jpg", 1000], ["rgba.png", 10_000], ["lossy.webp", 1000]] as const) {
      for (const mutant of mutations(3, read(name), count)) {
        const result: unknown = await prepare("f", mutant, { resize: 20, crop: 16 }).catch((error: unknown) => error);
        if (result instanceof Error) assert.deepEqual([(result as { code?: string }).code, result.message.slice(0, 3)], ["DATASET_CORRUPT", "f: "], result.stack);
        else assert.deepEqual((result as { shape: number[] }).shape, [3, 16, 16]);
      }
    }
  });
});
