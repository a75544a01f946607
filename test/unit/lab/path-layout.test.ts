import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Rng } from "../../../services/common/rng.ts";
import { layOutPath, pathPoints } from "../../../services/lab/attributions/path-layout.ts";
import { quadrature } from "../../../services/lab/attributions/quadrature.ts";

const SEED = 41;

describe(`the layout of path points over launches, seed ${SEED}`, () => {
  const rng = new Rng(SEED, 0);
  const cases = [[1, 1, 1], [1, 1, 64], [16, 50, 64], [16, 50, 1], [3, 2, 4], ...Array.from({ length: 60 }, () => [1 + Math.floor(rng.uniform() * 20), 2 + Math.floor(rng.uniform() * 30), 1 + Math.floor(rng.uniform() * 70)])] as [number, number, number][];

  for (const rule of ["gauss-legendre", "trapezoid"] as const) {
    it(`gives each image its points once, in ascending order, in ranges that cover them: ${rule}, ${cases.length} cases`, () => {
      for (const [images, size, rows] of cases) {
        const steps = rule === "trapezoid" ? Math.max(2, size) : size;
        const title = `${images} images, ${steps} steps, ${rows} rows`;
        const { launches, imageOfRow, startRow, endRow } = layOutPath(rule, steps, images, rows);
        const { alphas, weights } = quadrature(rule, steps);
        const inside = alphas.map((alpha, j) => [Math.fround(alpha), Math.fround(weights[j]!)]);
        const path = rule === "trapezoid" ? inside : [[0, 0], ...inside, [1, 0]]; // the trapezoid has both ends already
        assert.equal(pathPoints(rule, steps), path.length);
        assert.equal(launches.length, Math.ceil((images * path.length) / rows), title);
        assert.equal(imageOfRow.length, launches.length * rows);
        for (let i = 0; i < images; i++) {
          const points = launches.flatMap(({ sourceRow, alpha, weight, firstRow, rowCount }) => Array.from({ length: rowCount[i]! }, (_, j) => {
            const row = firstRow[i]! + j;
            assert.ok(row < rows, title);
            assert.equal(sourceRow[row], i, title);
            return [alpha[row]!, weight[row]!];
          }));
          assert.deepEqual(points, path, title);
          const at = (row: number): [number, number] => [launches[Math.floor(row / rows)]!.sourceRow[row % rows]!, launches[Math.floor(row / rows)]!.alpha[row % rows]!];
          assert.deepEqual([at(startRow[i]!), at(endRow[i]!)], [[i, 0], [i, 1]], title);
        }
        const inRanges = launches.reduce((sum, { rowCount }) => sum + rowCount.reduce((a, b) => a + b, 0), 0);
        assert.equal(inRanges, images * path.length, `${title}: rows of padding are in nobody's range`);
        launches.forEach(({ sourceRow, weight }, l) => sourceRow.forEach((image, row) => {
          assert.equal(imageOfRow[l * rows + row], image, title);
          if (l * rows + row >= inRanges) assert.equal(weight[row], 0, title);
        }));
      }
    });
  }
});
