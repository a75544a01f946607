import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { affineScratchElements, groupGradAffine } from "../../../services/engine/kernels/norm/group-grad-affine.ts";
import type { GroupShape } from "../../../services/engine/kernels/norm/groups.ts";
import { groupApplyReference } from "../../../services/engine/reference/norm/group-apply.ts";
import { groupGradAffineReference } from "../../../services/engine/reference/norm/group-grad-affine.ts";
import { centralDifferences, DIFFERENCES, dot } from "../../support/central-differences.ts";
import { assertClose, TOLERANCE } from "../../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, withGridLimit } from "../../support/gpu.ts";
import { launch } from "../../support/launch.ts";
import { describeGroups, groupCases, groupData } from "./group-cases.ts";

describe("norm/group-grad-affine", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  const run = async ({ dy, x, statistics }: ReturnType<typeof groupData>, shape: GroupShape): Promise<Record<"dgamma" | "dbeta", Float32Array>> => {
    const room = affineScratchElements(shape);
    return launch(gpu, { dgamma: shape.channels, dbeta: shape.channels, gammaParts: room, betaParts: room }, (scope, t) =>
      groupGradAffine(uploadF32(scope, "dy", dy), uploadF32(scope, "x", x), uploadF32(scope, "statistics", statistics), t.dgamma, t.dbeta, [t.gammaParts, t.betaParts], shape));
  };

  for (const shape of [...groupCases, { groups: 203, size: 6, channels: 6, inner: 1 }]) it(`matches the reference at ${describeGroups(shape)}`, async () => {
    const data = groupData(shape);
    const [{ dgamma, dbeta }, expected] = [await run(data, shape), groupGradAffineReference(data.dy, data.x, data.statistics, shape)];
    const summed = (shape.groups * shape.size) / shape.channels;
    assertClose(dgamma, expected.dgamma, TOLERANCE.reduction(summed));
    assertClose(dbeta, expected.dbeta, TOLERANCE.reduction(summed));
  });

  it("is the gradient of gamma and beta: the reference agrees with central differences", () => {
    for (const shape of [{ groups: 3, size: 4, channels: 4, inner: 1 }, { groups: 4, size: 6, channels: 4, inner: 3 }]) {
      const { dy, x, statistics, gamma, beta } = groupData(shape);
      const { dgamma, dbeta } = groupGradAffineReference(dy, x, statistics, shape);
      assertClose(dgamma, centralDifferences((v) => dot(groupApplyReference(x, statistics, shape, { gamma: v, beta }), dy), gamma), DIFFERENCES);
      assertClose(dbeta, centralDifferences((v) => dot(groupApplyReference(x, statistics, shape, { gamma, beta: v }), dy), beta), DIFFERENCES);
    }
  });

  it("counts what shares a channel when dy is 1", async () => {
    const shape = { groups: 12, size: 10, channels: 4, inner: 5 }; // 6 rows of 4 channels of 5
    const { dgamma, dbeta } = await run({ ...groupData(shape), dy: new Float64Array(120).fill(1), statistics: new Float64Array(24) }, shape);
    assert.deepEqual([...dgamma, ...dbeta], [0, 0, 0, 0, 30, 30, 30, 30]);
  });

  it("undoes the fold of a large grid and repeats to the bit", async () => {
    const shape = { groups: 50, size: 33, channels: 33, inner: 1 };
    const data = groupData(shape);
    const once = await run(data, shape);
    await withGridLimit(gpu, 3, async () => assert.deepEqual(await run(data, shape), once));
    assert.deepEqual(await run(data, shape), once);
  });

  it("refuses what does not fit by name", () => {
    const scope = gpu.scope("test");
    const [short, long, shape] = [scope.tensor("short", [4]), scope.tensor("long", [64]), { groups: 3, size: 6, channels: 6, inner: 1 }];
    const rooms = [long, long] as const;
    assert.throws(() => groupGradAffine(long, long, long, long, long, rooms, { ...shape, groups: 0 }), { code: "SHAPE_MISMATCH", message: /norm\/group-grad-affine: expected groups/ });
    assert.throws(() => groupGradAffine(short, long, long, long, long, rooms, shape), { code: "SHAPE_MISMATCH", message: /expected dy to hold 18/ });
    assert.throws(() => groupGradAffine(long, short, long, long, long, rooms, shape), { code: "SHAPE_MISMATCH", message: /expected x to hold 18/ });
    assert.throws(() => groupGradAffine(long, long, short, long, long, rooms, shape), { code: "SHAPE_MISMATCH", message: /expected statistics to hold 6/ });
    assert.throws(() => groupGradAffine(long, long, long, short, long, rooms, shape), { code: "SHAPE_MISMATCH", message: /expected dgamma to hold 6/ });
    assert.throws(() => groupGradAffine(long, long, long, long, short, rooms, shape), { code: "SHAPE_MISMATCH", message: /expected dbeta to hold 6/ });
    assert.throws(() => groupGradAffine(long, long, long, long, long, [long, short], shape), { code: "SHAPE_MISMATCH", message: /expected scratch to hold 12/ });
    scope.dispose();
  });
});
