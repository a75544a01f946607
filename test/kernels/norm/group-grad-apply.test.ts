import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { groupGradApply } from "../../../services/engine/kernels/norm/group-grad-apply.ts";
import type { GroupShape } from "../../../services/engine/kernels/norm/groups.ts";
import { groupApplyReference } from "../../../services/engine/reference/norm/group-apply.ts";
import { groupGradApplyReference, groupGradSumsReference } from "../../../services/engine/reference/norm/group-grad.ts";
import { groupStatisticsReference } from "../../../services/engine/reference/norm/group-statistics.ts";
import { centralDifferences, DIFFERENCES, dot } from "../../support/central-differences.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { describeGroups, groupCases, groupData } from "./group-cases.ts";

describe("norm/group-grad-apply", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async ({ dy, x, statistics }: ReturnType<typeof groupData>, sums: Float64Array, shape: GroupShape, gamma?: Float64Array): Promise<Float32Array> => (await launch(gpu, { dx: x.length }, (scope, { dx }) =>
    groupGradApply(uploadF32(scope, "dy", dy), uploadF32(scope, "x", x), uploadF32(scope, "statistics", statistics), uploadF32(scope, "sums", sums), dx, shape, gamma && uploadF32(scope, "gamma", gamma)))).dx;
  const sumsOf = ({ dy, x, statistics }: ReturnType<typeof groupData>, shape: GroupShape, gamma?: Float64Array): Float64Array => groupGradSumsReference(dy, x, statistics, shape, gamma).map(Math.fround);

  for (const shape of groupCases) it(`matches the reference at ${describeGroups(shape)}`, async () => {
    const data = groupData(shape);
    for (const gamma of [undefined, data.gamma]) {
      const sums = sumsOf(data, shape, gamma);
      const expected = groupGradApplyReference(data.dy, data.x, data.statistics, sums, shape, gamma);
      assertClose(await run(data, sums, shape, gamma), expected, { ...TOLERANCE.elementwise, atol: 1e-6 * Math.max(...data.statistics) }); // terms of the order of the inverse deviation cancel
    }
  });

  it("is the gradient of x: the reference agrees with central differences", () => {
    for (const shape of [{ groups: 3, size: 4, channels: 4, inner: 1 }, { groups: 4, size: 6, channels: 4, inner: 3 }]) {
      const { dy, x, gamma, beta } = groupData(shape);
      const forward = (v: Float64Array): number => dot(groupApplyReference(v, groupStatisticsReference(v, shape, 1e-3), shape, { gamma, beta }), dy);
      const statistics = groupStatisticsReference(x, shape, 1e-3);
      assertClose(groupGradApplyReference(dy, x, statistics, groupGradSumsReference(dy, x, statistics, shape, gamma), shape, gamma), centralDifferences(forward, x), DIFFERENCES);
    }
  });

  it("sums to 0 over a group, as moving all of it changes nothing", async () => {
    const shape = { groups: 5, size: 40, channels: 40, inner: 1 };
    const data = groupData(shape);
    const dx = await run(data, sumsOf(data, shape), shape);
    for (let i = 0; i < 5; i++) assert.ok(Math.abs(dx.subarray(i * 40, i * 40 + 40).reduce((a, b) => a + b, 0)) < 1e-4);
  });

  it("undoes the fold of a large grid and repeats to the bit", async () => {
    const shape = { groups: 100, size: 90, channels: 3, inner: 30 };
    const data = groupData(shape);
    const once = await run(data, sumsOf(data, shape), shape);
    await withGridLimit(gpu, 3, async () => assert.deepEqual(await run(data, sumsOf(data, shape), shape), once));
    assert.deepEqual(await run(data, sumsOf(data, shape), shape), once);
  });

  it("refuses what does not fit by name", () => {
    const scope = gpu.scope("test");
    const [short, long, shape] = [scope.tensor("short", [4]), scope.tensor("long", [64]), { groups: 3, size: 6, channels: 6, inner: 1 }];
    assert.throws(() => groupGradApply(long, long, long, long, long, { ...shape, channels: 0 }), { code: "SHAPE_MISMATCH", message: /norm\/group-grad-apply: expected channels/ });
    assert.throws(() => groupGradApply(short, long, long, long, long, shape), { code: "SHAPE_MISMATCH", message: /expected dy to hold 18/ });
    assert.throws(() => groupGradApply(long, short, long, long, long, shape), { code: "SHAPE_MISMATCH", message: /expected x to hold 18/ });
    assert.throws(() => groupGradApply(long, long, short, long, long, shape), { code: "SHAPE_MISMATCH", message: /expected statistics to hold 6/ });
    assert.throws(() => groupGradApply(long, long, long, short, long, shape), { code: "SHAPE_MISMATCH", message: /expected sums to hold 6/ });
    assert.throws(() => groupGradApply(long, long, long, long, short, shape), { code: "SHAPE_MISMATCH", message: /expected dx to hold 18/ });
    assert.throws(() => groupGradApply(long, long, long, long, long, shape, short), { code: "SHAPE_MISMATCH", message: /expected gamma to hold 6/ });
    scope.dispose();
  });
});
