import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { PNG } from "pngjs";

import { heatMapPng, imagePng } from "../../../services/lab/attributions/heat-map.ts";

/** Colour of the image's pixel p, at the middle of its enlarged square. */
function pixelOf(bytes: Buffer, w: number, p: number): number[] {
  const png = PNG.sync.read(bytes);
  const zoom = png.width / w;
  const at = (Math.floor((Math.floor(p / w) + 0.5) * zoom) * png.width + Math.floor(((p % w) + 0.5) * zoom)) * 4;
  return [...png.data.subarray(at, at + 4)];
}

describe("heat maps", () => {
  it("are red where the map is positive, blue where negative, white where zero, stronger where larger", () => {
    const png = heatMapPng([1, 0, -1, 0.5], [1, 2, 2]);
    assert.deepEqual([0, 1, 2].map((p) => pixelOf(png, 2, p)), [[178, 24, 43, 255], [255, 255, 255, 255], [33, 102, 172, 255]]);
    const [r, g] = pixelOf(png, 2, 3);
    assert.ok(r! > 178 && r! < 255 && g! > 24 && g! < 255);
  });

  it("show the mean over channels", () => {
    const png = heatMapPng([3, 0, 0, 0, -3, -3, 0, 0, 0, 3, 0, 0], [3, 2, 2]); // channels cancel in every pixel
    assert.deepEqual([0, 1, 2, 3].map((p) => pixelOf(png, 2, p)), new Array(4).fill([255, 255, 255, 255]));
    assert.deepEqual(pixelOf(heatMapPng([3, 0, -1, 0, -1, 0], [3, 1, 2]), 2, 0), [178, 24, 43, 255]);
  });

  it("of a map of zeros are white", () => assert.deepEqual(pixelOf(heatMapPng(new Float32Array(4), [1, 2, 2]), 2, 3), [255, 255, 255, 255]));

  it("are not washed out by one extreme pixel", () => {
    const map = new Float32Array(1024).fill(0.1);
    map[5] = 1000;
    assert.deepEqual(pixelOf(heatMapPng(map, [1, 32, 32]), 32, 700), [178, 24, 43, 255]);
    const lonely = new Float32Array(1024);
    lonely[5] = 1000; // more than 99.5 % zeros: the largest value sets the scale
    assert.deepEqual([5, 6].map((p) => pixelOf(heatMapPng(lonely, [1, 32, 32]), 32, p)), [[178, 24, 43, 255], [255, 255, 255, 255]]);
  });

  it("enlarge small images by a whole factor and leave large ones", () => {
    for (const [h, w, zoom] of [[28, 28, 8], [32, 32, 7], [3, 5, 44], [224, 224, 1], [300, 10, 1]] as const) {
      const png = PNG.sync.read(heatMapPng(new Float32Array(h * w), [1, h, w]));
      assert.deepEqual([png.width, png.height], [w * zoom, h * zoom]);
    }
  });
});

describe("pictures", () => {
  it("are the image's bytes, in colour or in grey", () => {
    const grey = [0, 51, 255, 102].map((v) => v / 255);
    assert.deepEqual([0, 1, 2, 3].map((p) => pixelOf(imagePng(grey, [1, 2, 2]), 2, p)), [[0, 0, 0, 255], [51, 51, 51, 255], [255, 255, 255, 255], [102, 102, 102, 255]]);
    assert.deepEqual(pixelOf(imagePng([10, 20, 30].map((v) => v / 255), [3, 1, 1]), 1, 0), [10, 20, 30, 255]);
  });
});
