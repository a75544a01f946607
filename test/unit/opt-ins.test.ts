import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { type AdapterFacts, familyName, withOptIns } from "../../services/engine/gpu/opt-ins.ts";

const MATRIX = "chromium-experimental-subgroup-matrix";
const config = (componentType: string, side: number, resultComponentType = "f32"): NonNullable<AdapterFacts["subgroupMatrixConfigs"]>[number] => ({ componentType, resultComponentType, M: side, N: side, K: side });
const facts = (features: readonly string[], more: Partial<AdapterFacts> = {}): AdapterFacts => ({ description: "Fake GPU", features: new Set(features), subgroupMinSize: 32, subgroupMaxSize: 32, ...more });
const NVIDIA = facts(["shader-f16", MATRIX], { subgroupMatrixConfigs: [config("f16", 16, "f16"), config("f16", 16), config("u8", 16, "u32")] });
const APPLE = facts(["shader-f16", MATRIX], { subgroupMatrixConfigs: [config("f32", 8), config("f16", 8)] });
const WORKGROUP = { kind: "workgroup" } as const;

describe("what a GPU's kernels do beyond f32", () => {
  it("is nothing by default", () => {
    assert.equal(withOptIns(WORKGROUP, NVIDIA, { precision: "f32", subgroupMatrix: false }), WORKGROUP);
    assert.deepEqual([familyName(WORKGROUP), familyName({ kind: "subgroup", size: 8 })], ["workgroup", "subgroup8"]);
  });

  it("is what was asked for, and stands in the family's name", () => {
    const of = (adapter: AdapterFacts, precision: "f32" | "f16", subgroupMatrix: boolean): string => familyName(withOptIns(WORKGROUP, adapter, { precision, subgroupMatrix }));
    assert.equal(of(NVIDIA, "f16", false), "workgroup f16");
    assert.equal(of(NVIDIA, "f16", true), "workgroup f16 matrix16");
    assert.equal(of(APPLE, "f32", true), "workgroup matrix8");
    assert.equal(of(APPLE, "f16", true), "workgroup f16 matrix8");
  });

  const refusals: readonly [string, () => unknown, RegExp][] = [
    ["f16 without the feature", () => withOptIns(WORKGROUP, facts([]), { precision: "f16", subgroupMatrix: false }), /expected the feature shader-f16, as LORENZ_PRECISION=f16 asks, got none from Fake GPU/],
    ["f16 on a software rasteriser", () => withOptIns({ kind: "subgroup", size: 8 }, NVIDIA, { precision: "f16", subgroupMatrix: false }), /expected a GPU, as LORENZ_PRECISION=f16 asks, got kernels for software rasterisers \(subgroup8\)/],
    ["matrix units without the feature", () => withOptIns(WORKGROUP, facts(["shader-f16"]), { precision: "f16", subgroupMatrix: true }), /expected the feature chromium-experimental-subgroup-matrix, as LORENZ_SUBGROUP_MATRIX=1 asks/],
    ["matrix units with subgroups of several sizes", () => withOptIns(WORKGROUP, { ...NVIDIA, subgroupMaxSize: 64 }, { precision: "f16", subgroupMatrix: true }), /expected subgroups of 32, .*got 32 to 64/],
    ["matrix units that do not multiply f32", () => withOptIns(WORKGROUP, NVIDIA, { precision: "f32", subgroupMatrix: true }), /expected matrix units for f32 with f32 sums, 8×8×8, or LORENZ_PRECISION=f16 beside it, .*got f16 to f16 16×16×16, f16 to f32 16×16×16, u8 to u32 16×16×16/],
  ];
  for (const [what, call, message] of refusals) it(`is refused by name: ${what}`, () => assert.throws(call, { code: "NO_ADAPTER", message }));

  it("is asked for by the environment", () => {
    const device = fileURLToPath(new URL("../../services/engine/gpu/device.ts", import.meta.url));
    const program = `const { Gpu } = await import(${JSON.stringify(device)}); await Gpu.open().then((gpu) => { console.log(gpu.adapter.family); gpu.close(); }, (error) => console.log(error.code, error.message));`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], { env: { ...process.env, LORENZ_PRECISION: "f16" }, encoding: "utf8" });
    assert.match(stdout, /^(workgroup f16|NO_ADAPTER adapter: expected (a GPU|the feature shader-f16), as LORENZ_PRECISION=f16 asks)/, stderr);
  });
});
