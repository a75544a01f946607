import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { groupApply } from "../../../services/engine/kernels/norm/group-apply.ts";
import type { GroupShape } from "../../../services/engine/kernels/norm/groups.ts";
import { groupApplyReference } from "../../../services/engine/reference/norm/group-apply.ts";
import { groupStatisticsReference } from "../../../services/engine/reference/norm/group-statistics.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { describeGroups, groupCases, groupData } from "./group-cases.ts";

interface Affine { readonly gamma?: Float64Array; readonly beta?: Float64Array }

describe("norm/group-apply", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async (x: Float64Array, statistics: Float64Array, shape: GroupShape, { gamma, beta }: Affine): Promise<Float32Array> => (await launch(gpu, { y: x.length }, (scope, { y }) =>
    groupApply(uploadF32(scope, "x", x), uploadF32(scope, "statistics", statistics), y, shape, { gamma: gamma && uploadF32(scope, "gamma", gamma), beta: beta && uploadF32(scope, "beta", beta) }))).y;

  for (const shape of groupCases) it(`matches the reference at ${describeGroups(shape)}`, async () => {
    const { x, statistics, gamma, beta } = groupData(shape);
    for (const affine of [{}, { gamma }, { gamma, beta }]) assertClose(await run(x, statistics, shape, affine), groupApplyReference(x, statistics, shape, affine), TOLERANCE.elementwise);
  });

  it("undoes the fold of a large grid and repeats to the bit", async () => {
    const shape = { groups: 100, size: 90, channels: 3, inner: 30 };
    const { x, statistics, gamma, beta } = groupData(shape);
    const once = await run(x, statistics, shape, { gamma, beta });
    await withGridLimit(gpu, 3, async () => assert.deepEqual(await run(x, statistics, shape, { gamma, beta }), once));
    assert.deepEqual(await run(x, statistics, shape, { gamma, beta }), once);
  });

  it("makes each group of mean 0 and deviation 1", async () => {
    const shape = { groups: 3, size: 500, channels: 500, inner: 1 };
    const { x } = groupData(shape);
    const y = Float64Array.from(await run(x, groupStatisticsReference(x, shape, 1e-12), shape, {}));
    assertClose(groupStatisticsReference(y, shape, 1e-12), [0, 1, 0, 1, 0, 1], TOLERANCE.elementwise);
  });

  it("refuses what does not fit by name", () => {
    const scope = gpu.scope("test");
    const [short, long, shape] = [scope.tensor("short", [4]), scope.tensor("long", [64]), { groups: 3, size: 6, channels: 6, inner: 1 }];
    assert.throws(() => groupApply(long, long, long, { ...shape, inner: 0 }, {}), { code: "SHAPE_MISMATCH", message: /norm\/group-apply: expected inner/ });
    assert.throws(() => groupApply(short, long, long, shape, {}), { code: "SHAPE_MISMATCH", message: /expected x to hold 18/ });
    assert.throws(() => groupApply(long, short, long, shape, {}), { code: "SHAPE_MISMATCH", message: /expected statistics to hold 6/ });
    assert.throws(() => groupApply(long, long, short, shape, {}), { code: "SHAPE_MISMATCH", message: /expected y to hold 18/ });
    assert.throws(() => groupApply(long, long, long, shape, { gamma: short }), { code: "SHAPE_MISMATCH", message: /expected gamma to hold 6/ });
    assert.throws(() => groupApply(long, long, long, shape, { gamma: long, beta: short }), { code: "SHAPE_MISMATCH", message: /expected beta to hold 6/ });
    assert.throws(() => groupApply(long, long, long, shape, { beta: long }), { code: "SHAPE_MISMATCH", message: /expected gamma with beta/ });
    scope.dispose();
  });
});
