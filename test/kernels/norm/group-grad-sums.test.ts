import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { groupGradSums } from "../../../services/engine/kernels/norm/group-grad-sums.ts";
import type { GroupShape } from "../../../services/engine/kernels/norm/groups.ts";
import { groupGradSumsReference } from "../../../services/engine/reference/norm/group-grad.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { describeGroups, groupCases, groupData } from "./group-cases.ts";

describe("norm/group-grad-sums", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (dy: Float64Array, x: Float64Array, statistics: Float64Array, shape: GroupShape, gamma?: Float64Array): Promise<Float32Array> => (await launch(gpu, { sums: 2 * shape.groups }, (scope, { sums }) =>
    groupGradSums(uploadF32(scope, "dy", dy), uploadF32(scope, "x", x), uploadF32(scope, "statistics", statistics), sums, shape, gamma && uploadF32(scope, "gamma", gamma)))).sums;

  for (const shape of groupCases) it(`matches the reference at ${describeGroups(shape)}`, async () => {
    const { dy, x, statistics, gamma } = groupData(shape);
    for (const scale of [undefined, gamma]) assertClose(await run(dy, x, statistics, shape, scale), groupGradSumsReference(dy, x, statistics, shape, scale), TOLERANCE.elementwise);
  });

  it("undoes the fold of a large grid, in both forms, repeats to the bit and gives a group the same bits in any batch", async () => {
    for (const size of [9, 2050]) {
      const shape = { groups: 20, size, channels: size, inner: 1 };
      const { dy, x, statistics, gamma } = groupData(shape);
      const once = await run(dy, x, statistics, shape, gamma);
      await withGridLimit(gpu, 3, async () => assert.deepEqual(await run(dy, x, statistics, shape, gamma), once));
      assert.deepEqual(await run(dy, x, statistics, shape, gamma), once);
      assert.deepEqual(await run(dy.slice(7 * size, 8 * size), x.slice(7 * size, 8 * size), statistics.slice(14, 16), { ...shape, groups: 1 }, gamma), once.slice(14, 16));
    }
  });

  it("is 1 and 0 when dy is 1 and x lies evenly about its mean", async () => {
    const x = Float64Array.from({ length: 40 }, (_, i) => (i % 2) - 0.5);
    assert.deepEqual([...await run(new Float64Array(40).fill(1), x, Float64Array.of(0, 2), { groups: 1, size: 40, channels: 40, inner: 1 })], [1, 0]);
  });

  it("refuses what does not fit by name", () => {
    const scope = gpu.scope("test");
    const [short, long, shape] = [scope.tensor("short", [4]), scope.tensor("long", [64]), { groups: 3, size: 6, channels: 6, inner: 1 }];
    assert.throws(() => groupGradSums(long, long, long, long, { ...shape, size: 0 }), { code: "SHAPE_MISMATCH", message: /norm\/group-grad-sums: expected size/ });
    assert.throws(() => groupGradSums(short, long, long, long, shape), { code: "SHAPE_MISMATCH", message: /expected dy to hold 18/ });
    assert.throws(() => groupGradSums(long, short, long, long, shape), { code: "SHAPE_MISMATCH", message: /expected x to hold 18/ });
    assert.throws(() => groupGradSums(long, long, short, long, shape), { code: "SHAPE_MISMATCH", message: /expected statistics to hold 6/ });
    assert.throws(() => groupGradSums(long, long, long, short, shape), { code: "SHAPE_MISMATCH", message: /expected sums to hold 6/ });
    assert.throws(() => groupGradSums(long, long, long, long, shape, short), { code: "SHAPE_MISMATCH", message: /expected gamma to hold 6/ });
    scope.dispose();
  });
});
