import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import type { Gpu } from "../../services/engine/gpu/device.ts";
import { runOnce } from "../../services/engine/gpu/program.ts";
import { l2Project } from "../../services/engine/kernels/attack/l2-project.ts";
import { l2Step } from "../../services/engine/kernels/attack/l2-step.ts";
import { linfStep } from "../../services/engine/kernels/attack/linf-step.ts";
import { pathAccumulate } from "../../services/engine/kernels/attribution/path-accumulate.ts";
import { pathFinish } from "../../services/engine/kernels/attribution/path-finish.ts";
import { rowSum } from "../../services/engine/kernels/attribution/row-sum.ts";
import { rowNorm } from "../../services/engine/kernels/reduce/row-norm.ts";
import { giniReference } from "../../services/engine/reference/inequality/gini.ts";
import { assertClose } from "../support/close.ts";
import { closeTestGpu, testGpu, uploadF32, uploadU32 } from "../support/gpu.ts";
import { type NpyData, readNpy } from "../support/npy.ts";
import { checkCentres, checkGini, checkMasks, checkRanks, giniOf } from "../support/rank-and-gini.ts";
import { withScope } from "../support/rows.ts";
import { golden, sharedMissing } from "../support/shared.ts";

const fixtures = fileURLToPath(new URL("../fixtures/goldens/", import.meta.url));
const closedForm = (name: string): NpyData => readNpy(`${fixtures}closed_form/${name}.npy`).data;
const resnet2b = (name: string): ReturnType<typeof readNpy> => readNpy(`${fixtures}resnet2b_first2/${name}.npy`);
const vectors = JSON.parse(readFileSync(`${fixtures}closed_form/inequality_vectors.json`, "utf8")) as { values: number[]; gini: number; why: string }[];

const [N, M] = [2, 48];
let gpu: Gpu;
before(async () => { gpu = await testGpu(); });
after(closeTestGpu);

describe("linear models with known answers", () => {
  /** Rows of a weight matrix chosen by class, one per image. */
  const rowsOf = (w: NpyData, classes: number[]): number[] => classes.flatMap((k) => [...w.slice(k * M, (k + 1) * M)]);
  const labels = (name: string): number[] => [...closedForm(name)];
  /** Direction of the cross-entropy's gradient of the 2-class model: w_other - w_y. */
  const descent = (): number[] => {
    const y = labels("y2");
    const own = rowsOf(closedForm("w2"), y);
    return rowsOf(closedForm("w2"), y.map((k) => 1 - k)).map((v, i) => v - own[i]!);
  };

  for (const [steps, stepSize] of [[1, 1 / 64], [3, 1 / 128], [10, 1 / 128]] as const) {
    it(`PGD l∞ reaches the closed form after ${steps} steps`, () => withScope(gpu, async (scope) => {
      const x0 = uploadF32(scope, "x0", closedForm("x2"));
      const x = uploadF32(scope, "x", closedForm("x2"));
      const step = linfStep(x, x0, uploadF32(scope, "g", descent()), { n: N, m: M, stepSize, epsilon: 1 / 16, direction: 1 });
      await runOnce(gpu, "pgd", new Array(steps).fill(step));
      assertClose(await gpu.readF32(x), closedForm(`pgd2_linf_T${steps}`), { atol: 1e-7, rtol: 0 });
    }));
  }

  for (const steps of [2, 10]) {
    it(`PGD l2 reaches the closed form after ${steps} steps`, () => withScope(gpu, async (scope) => {
      const x0 = uploadF32(scope, "x0", closedForm("x2"));
      const x = uploadF32(scope, "x", closedForm("x2"));
      const g = uploadF32(scope, "g", descent());
      const [gradientNorm, deltaNorm] = [scope.tensor("gnorm", [N]), scope.tensor("dnorm", [N])];
      const body = [
        rowNorm(g, null, gradientNorm, { n: N, m: M }),
        l2Step(x, g, gradientNorm, { n: N, m: M, stepSize: 1 / 16, direction: 1 }),
        rowNorm(x, x0, deltaNorm, { n: N, m: M }),
        l2Project(x, x0, deltaNorm, { n: N, m: M, epsilon: 1 / 4 }),
      ];
      await runOnce(gpu, "pgd", new Array(steps).fill(body).flat());
      assertClose(await gpu.readF32(x), closedForm(`pgd2_l2_T${steps}`), { atol: 1e-6, rtol: 0 });
    }));
  }

  it("FGSM is one step as long as the radius", () => withScope(gpu, async (scope) => {
    const x0 = uploadF32(scope, "x0", closedForm("x3"));
    const x = uploadF32(scope, "x", closedForm("x3"));
    await runOnce(gpu, "fgsm", [linfStep(x, x0, uploadF32(scope, "g", closedForm("grad_ce3")), { n: N, m: M, stepSize: 1 / 32, epsilon: 1 / 32, direction: 1 })]);
    assertClose(await gpu.readF32(x), closedForm("fgsm3"), { atol: 1e-7, rtol: 0 });
  }));

  for (const [file, baseline] of [["ig3", 0], ["input_x_gradient3", 0], ["ig3_half_baseline", 0.5]] as const) {
    it(`integrated gradients from ${baseline} give ${file} with any weights that sum to 1`, () => withScope(gpu, async (scope) => {
      const rows = rowsOf(closedForm("w3"), labels("y3").flatMap((k) => [k, k, k])); // three path points, whose gradients agree
      const ranges = { firstRow: uploadU32(scope, "first", [0, 3]), rowCount: uploadU32(scope, "count", [3, 3]) };
      const [sum, map, total] = [scope.tensor("sum", [N, M]), scope.tensor("map", [N, M]), scope.tensor("total", [N])];
      await runOnce(gpu, "ig", [
        pathAccumulate(uploadF32(scope, "g", rows), uploadF32(scope, "w", [0.25, 0.5, 0.25, 0.7, 0.2, 0.1]), ranges, sum, { n: N, m: M, rows: 6 }),
        pathFinish(sum, uploadF32(scope, "x", closedForm("x3")), uploadF32(scope, "b", new Array(N * M).fill(baseline)), map, { n: N, m: M }),
        rowSum(map, total, { n: N, m: M }),
      ]);
      assertClose(await gpu.readF32(map), closedForm(file), { atol: 1e-6, rtol: 1e-5 });
      if (baseline !== 0) return;
      const [logits, bias, y] = [closedForm("logits3"), closedForm("b3"), labels("y3")];
      assertClose(await gpu.readF32(total), y.map((k, i) => logits[i * 3 + k]! - bias[k]!), { atol: 1e-5, rtol: 1e-5 }); // completeness: f(x) - f(0)
    }));
  }

  it("squared SmoothGrad is the mean of the squares", () => withScope(gpu, async (scope) => {
    const rows = rowsOf(closedForm("w3"), labels("y3").flatMap((k) => [k, k]));
    const ranges = { firstRow: uploadU32(scope, "first", [0, 2]), rowCount: uploadU32(scope, "count", [2, 2]) };
    const sum = scope.tensor("sum", [N, M]);
    await runOnce(gpu, "sg", [pathAccumulate(uploadF32(scope, "g", rows), uploadF32(scope, "w", [0.5, 0.5, 0.5, 0.5]), ranges, sum, { n: N, m: M, rows: 4, squared: true })]);
    assertClose(await gpu.readF32(sum), closedForm("smoothgrad_sq3"), { atol: 1e-7, rtol: 1e-5 });
  }));
});

describe("Gini of vectors with exact answers", () => {
  for (const { values, gini, why } of vectors) {
    it(`[${values.join(", ")}]: ${why}`, () => withScope(gpu, async (scope) => {
      assert.ok(Math.abs(giniReference(values) - gini) < 1e-12);
      assertClose(await giniOf(scope, uploadF32(scope, "v", values), 1, values.length), [gini], { atol: 1e-7, rtol: 1e-6 });
    }));
  }

  it("refuses what has no Gini index", () => {
    for (const values of [[], [1, -1], [NaN], [Infinity, 1]]) assert.throws(() => giniReference(values), { code: "VALUE_RANGE" });
  });
});

describe("maps of resnet2b, images 0 and 1", () => {
  const map = resnet2b("ig_gausslegendre50");
  it("ranks sub-pixels as numpy's stable argsort", () => checkRanks(gpu, map, resnet2b("ig_rank")));
  it("finds the occlusion's centres", () => checkCentres(gpu, map, resnet2b("occlusion_centres")));
  it("measures global and regional Gini", () => checkGini(gpu, map, resnet2b("inequality_ig_gausslegendre50")));
  it("paints the occlusion's masks", () => checkMasks(gpu, resnet2b("occlusion_centres"), resnet2b("occlusion_masks_image0")));
});

describe("maps of both CIFAR-10 models, 40 images", { skip: sharedMissing() }, () => {
  for (const model of ["resnet20", "resnet2b"]) {
    it(`${model}: ranks and centres`, async () => {
      const map = golden(`${model}/ig_gausslegendre50.npy`);
      await checkRanks(gpu, map, golden(`${model}/ig_rank.npy`));
      await checkCentres(gpu, map, golden(`${model}/occlusion_centres.npy`));
      await checkMasks(gpu, golden(`${model}/occlusion_centres.npy`), golden(`${model}/occlusion_masks_image0.npy`));
    });
    for (const method of ["ig_gausslegendre50", "saliency_logit", "input_x_gradient"]) {
      it(`${model}: Gini of ${method}`, () => checkGini(gpu, golden(`${model}/${method}.npy`), golden(`${model}/inequality_${method}.npy`)));
    }
  }
});
