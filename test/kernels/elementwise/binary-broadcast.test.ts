import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { elements } from "../../../services/engine/gpu/tensor.ts";
import type { BinaryFunction } from "../../../services/engine/graph/operations/broadcast.ts";
import { binaryBroadcast } from "../../../services/engine/kernels/elementwise/binary-broadcast.ts";
import { repeatedStrides, stridesOf } from "../../../services/engine/kernels/tensor/walk.ts";
import { binaryReference } from "../../../services/engine/reference/elementwise/binary.ts";
import { expandReference } from "../../../services/engine/reference/tensor/expand.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { binaryFunctions } from "./binary-cases.ts";

type Shape = readonly number[];

describe("elementwise/binary-broadcast", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (fn: BinaryFunction, a: Float64Array, from: Shape, b: Float64Array, other: Shape, sizes: Shape): Promise<Float32Array> =>
    (await launch(gpu, { y: elements(sizes) }, (scope, { y }) => binaryBroadcast(fn, uploadF32(scope, "a", a), uploadF32(scope, "b", b), y, {
      sizes, aStrides: repeatedStrides(from, stridesOf(from), sizes.length), bStrides: repeatedStrides(other, stridesOf(other), sizes.length),
    }))).y;
  const check = async (from: Shape, other: Shape, sizes: Shape): Promise<void> => {
    const [a, b] = [uniform(1, elements(from)), uniform(2, elements(other))];
    assert.deepEqual(await run("add", a, from, b, other, sizes), Float32Array.from(binaryReference("add", expandReference(a, from, sizes), expandReference(b, other, sizes))));
  };

  for (const { fn, a, b } of binaryFunctions) {
    it(`matches the reference: ${fn} of a matrix and a row`, async () => {
      assertClose(await run(fn, a(60), [5, 12], b(12), [12], [5, 12]), binaryReference(fn, a(60), expandReference(b(12), [12], [5, 12])), TOLERANCE.elementwise);
    });
  }

  // One; primes; nothing repeated; both repeated; an axis for every one of six; one under, at and over a workgroup's 512 elements; large.
  const shapes: readonly (readonly [Shape, Shape, Shape])[] = [
    [[1], [1], [1]], [[7], [1], [7]], [[3, 5], [3, 5], [3, 5]], [[3, 1], [1, 5], [3, 5]], [[2, 3, 1, 5], [3, 7, 1], [2, 3, 7, 5]],
    [[2, 1, 3, 1, 2, 1], [1, 3, 1, 2, 1, 3], [2, 3, 3, 2, 2, 3]], [[511], [1], [511]], [[2, 256], [256], [2, 256]], [[513, 1], [1], [513, 1]], [[1, 313], [319, 1], [319, 313]],
  ];
  for (const [from, other, sizes] of shapes) it(`matches the reference: [${from.join(", ")}] and [${other.join(", ")}]`, () => check(from, other, sizes));

  it("undoes the fold of a grid with more workgroups than one side holds", () => withGridLimit(gpu, 3, () => check([59, 1], [1, 53], [59, 53])));

  it("is the outer product for mul of a column and a row", async () => {
    const y = await run("mul", Float64Array.of(1, 2, 3), [3, 1], Float64Array.of(10, 20), [2], [3, 2]);
    assert.deepEqual([...y], [10, 20, 20, 40, 30, 60]);
  });

  it("repeats to the bit, and each image's numbers whatever the batch", async () => {
    const [a, b] = [uniform(1, 4 * 35), uniform(2, 7)];
    const four = await run("div", a, [4, 5, 7], b, [7], [4, 5, 7]);
    assert.deepEqual(await run("div", a, [4, 5, 7], b, [7], [4, 5, 7]), four);
    assert.deepEqual(await run("div", a.slice(0, 35), [1, 5, 7], b, [7], [1, 5, 7]), four.slice(0, 35));
  });

  it("refuses empty sides, short buffers and more axes than it counts, by name", () => {
    const scope = gpu.scope("test");
    const t = uploadF32(scope, "t", new Float32Array(4));
    const refused = (sizes: Shape, message: RegExp): void => { assert.throws(() => binaryBroadcast("add", t, t, t, { sizes, aStrides: stridesOf(sizes), bStrides: sizes.map(() => 0) }), { code: "SHAPE_MISMATCH", message }); };
    refused([2, 0], /elementwise\/binary-broadcast: expected size 1/);
    refused([5], /expected a to hold 5 elements, got 4/);
    const large = uploadF32(scope, "large", new Float32Array(128));
    assert.throws(() => binaryBroadcast("add", large, large, large, { sizes: [2, 2, 2, 2, 2, 2, 2], aStrides: [0, 1, 0, 1, 0, 1, 0], bStrides: [1, 0, 1, 0, 1, 0, 1] }), { code: "SHAPE_MISMATCH", message: /at most 6 axes, got 7/ });
    scope.dispose();
  });
});
