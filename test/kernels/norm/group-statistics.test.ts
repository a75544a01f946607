import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { groupStatistics } from "../../../services/engine/kernels/norm/group-statistics.ts";
import type { GroupShape } from "../../../services/engine/kernels/norm/groups.ts";
import { groupStatisticsReference } from "../../../services/engine/reference/norm/group-statistics.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { uniform } from "../../support/random.ts";
import { describeGroups, groupCases, groupData } from "./group-cases.ts";

const layer = (groups: number, size: number): GroupShape => ({ groups, size, channels: size, inner: 1 });

describe("norm/group-statistics", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (x: Float64Array, shape: GroupShape, epsilon = 1e-3): Promise<Float32Array> =>
    (await launch(gpu, { statistics: 2 * shape.groups }, (scope, { statistics }) => groupStatistics(uploadF32(scope, "x", x), statistics, shape, epsilon))).statistics;

  for (const shape of groupCases) it(`matches the reference at ${describeGroups(shape)}`, async () => {
    const { x } = groupData(shape);
    assertClose(await run(x, shape), groupStatisticsReference(x, shape, 1e-3), TOLERANCE.elementwise);
  });

  it("undoes the fold of a large grid, in both forms, and repeats to the bit", async () => {
    for (const shape of [layer(100, 9), layer(20, 2050)]) {
      const { x } = groupData(shape);
      const once = await run(x, shape);
      await withGridLimit(gpu, 3, async () => assert.deepEqual(await run(x, shape), once));
      assert.deepEqual(await run(x, shape), once);
    }
  });

  it("keeps the digits of a deviation of 1 around a mean of 10 000", async () => {
    for (const size of [200, 5000]) {
      const x = uniform(3, size).map((v) => Math.fround(10_000 + v));
      assertClose(await run(x, layer(1, size), 1e-5), groupStatisticsReference(x, layer(1, size), 1e-5), { atol: 0, rtol: 1e-4 }); // the f32 mean itself is off by 5e-4
    }
  });

  it("gives a group the same bits in any batch", async () => {
    const shape = layer(12, 77);
    const { x } = groupData(shape);
    assert.deepEqual(await run(x.slice(5 * 77, 6 * 77), layer(1, 77)), (await run(x, shape)).slice(10, 12));
  });

  it("refuses what does not fit by name", () => {
    const scope = gpu.scope("test");
    const [short, long] = [scope.tensor("short", [4]), scope.tensor("long", [64])];
    assert.throws(() => groupStatistics(long, long, layer(0, 3), 1e-5), { code: "SHAPE_MISMATCH", message: /norm\/group-statistics: expected groups/ });
    assert.throws(() => groupStatistics(short, long, layer(2, 3), 1e-5), { code: "SHAPE_MISMATCH", message: /expected x to hold 6/ });
    assert.throws(() => groupStatistics(long, short, layer(3, 3), 1e-5), { code: "SHAPE_MISMATCH", message: /expected statistics to hold 6/ });
    assert.throws(() => groupStatistics(long, long, { groups: 2, size: 6, channels: 3, inner: 4 }, 1e-5), { code: "SHAPE_MISMATCH", message: /expected groups of whole channels/ });
    assert.throws(() => groupStatistics(long, long, layer(2, 3), 0), { code: "VALUE_RANGE", message: /expected epsilon/ });
    scope.dispose();
  });
});
