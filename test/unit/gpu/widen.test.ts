import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { type Dispatch, type KernelSpec, shaderRoot, source } from "../../../services/engine/gpu/kernel.ts";
import { runOnce } from "../../../services/engine/gpu/program.ts";
import { widened } from "../../../services/engine/gpu/widen.ts";
import { differentiate } from "../../../services/engine/graph/differentiate.ts";
import { closeTestGpu, testGpu } from "../../support/gpu.ts";
import { leavesOf, parametersOf, smallNetworks } from "../../support/networks.ts";
import { compileFor, parametersOn, readGradient, readValue } from "../../support/run-plan.ts";

const GPU = { kind: "workgroup" } as const;
const dispatchOf = (constants: Record<string, number>, workgroups: number): Dispatch => ({
  kind: "dispatch", spec: { name: "n", lib: [], params: {}, reads: [], writes: [], constants }, params: {}, buffers: [], workgroups,
});

describe("widened", () => {
  it("gives a GPU as much work per workgroup in eight times as many invocations", () => {
    const { spec, workgroups } = widened(dispatchOf({ WG: 8, PER: 64, WINDOW: 2 }, 10), GPU);
    assert.deepEqual([spec.constants, workgroups], [{ WG: 64, PER: 8, WINDOW: 2 }, 10]);
  });

  it("covers every item, whatever the kernel's loop", () => {
    for (const PER of [undefined, 1, 4, 8, 16, 32, 64]) for (const groups of [0, 1, 2, 7, 8, 9, 1000]) {
      const { spec: { constants }, workgroups } = widened(dispatchOf({ WG: 8, ...(PER && { PER }) }, groups), GPU);
      const [items, covered] = [groups * 8 * (PER ?? 1), workgroups * constants["WG"]! * (constants["PER"] ?? 1)];
      assert.ok(covered >= items && covered < items + 64 * 8, `PER ${PER}, ${groups} workgroups: ${covered} for ${items} items`);
      assert.equal("PER" in constants, PER !== undefined);
    }
  });

  it("leaves a software adapter's dispatches alone, and those of kernels that choose another size themselves", () => {
    const [narrow, chosen] = [dispatchOf({ WG: 8, PER: 64 }, 3), dispatchOf({ WG: 256 }, 3)];
    assert.equal(widened(narrow, { kind: "subgroup", size: 8 }), narrow);
    assert.equal(widened(chosen, GPU), chosen);
  });

  it("meets only kernels whose invocations work alone", async () => {
    const names = readdirSync(shaderRoot, { recursive: true, encoding: "utf8" }).filter((f) => f.endsWith(".wgsl") && !f.startsWith("lib/")).map((f) => f.replace(/\.wgsl$/, ""));
    let narrow = 0;
    for (const name of names) {
      const module = (await import(join(shaderRoot, "..", `services/engine/kernels/${name}.ts`))) as Record<string, unknown>;
      for (const spec of Object.values(module).flat().filter((v): v is KernelSpec => (v as KernelSpec)?.name === name && (v as KernelSpec).constants["WG"] === 8)) {
        const { text } = source(spec);
        // By itself, or by lib/group-share in its form without sharers.
        assert.match(text, /flat_workgroup\(group, groups\) \* WG|group_of\(flat_workgroup\(group, groups\), local\.x\)[^]*return workgroup \* WG \+ invocation;/, name);
        assert.doesNotMatch(text, /var<workgroup>|workgroupBarrier|subgroup[A-Z]|@workgroup_size\((?!WG\))/, name);
        narrow++;
      }
    }
    assert.ok(narrow > 20, `${narrow} kernels`);
  });
});

describe("wide workgroups on the device", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  for (const network of smallNetworks) for (const mode of network.modes) {
    it(`${network.title}, ${mode}: no bit changes`, async () => {
      const leaves = leavesOf(network, 7);
      const weights = parametersOf(network.graph);
      const { graph, gradients } = differentiate(network.graph, network.of, [network.image, ...weights], 1);
      const gradientsInto = new Map(weights.map((weight) => [weight, gradients.get(weight)!]));
      const bits = async (change: (dispatch: Dispatch) => Dispatch): Promise<unknown> => {
        const scope = gpu.scope("test");
        try {
          const parameters = parametersOn(scope, graph, leaves, { gradients: true });
          const keep = [network.of, gradients.get(network.image)!];
          const plan = compileFor(gpu, scope, graph, parameters, leaves, { mode, keep, gradientsInto });
          await runOnce(gpu, "test", [...plan.prologue, ...plan.body].map((step) => (step.kind === "dispatch" ? change(step) : step)));
          const values = await Promise.all(keep.map((value) => readValue(gpu, graph, plan.output(value), value)));
          const of = await Promise.all(weights.map((weight) => readGradient(gpu, graph, parameters, weight)));
          return [values, of, await parameters.save()];
        } finally { scope.dispose(); }
      };
      assert.deepEqual(await bits((dispatch) => widened(dispatch, GPU)), await bits((dispatch) => dispatch));
    });
  }
});
