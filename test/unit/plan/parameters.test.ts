import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { Gpu } from "../../../services/engine/gpu/device.ts";
import { GraphBuilder, type Initialiser } from "../../../services/engine/graph/graph.ts";
import { runOnce } from "../../../services/engine/gpu/program.ts";
import { sgd } from "../../../services/engine/kernels/optim/sgd.ts";
import { NetworkParameters } from "../../../services/engine/plan/parameters.ts";
import type { StoredTensor } from "../../../services/engine/plan/stored-tensors.ts";
import { closeTestGpu, testGpu } from "../../support/gpu.ts";
import { leavesOf, smallNetworks } from "../../support/networks.ts";
import { parametersOn } from "../../support/run-plan.ts";

const whole = smallNetworks.at(-1)!;

function withInitialisers(n: number): GraphBuilder {
  const b = new GraphBuilder(1);
  const make = (name: string, initialiser: Initialiser): ReturnType<GraphBuilder["parameter"]> => b.parameter(name, [n], initialiser);
  const x = b.normalise(b.image(n, 1, 1), new Array<number>(n).fill(0), new Array<number>(n).fill(1));
  const y = b.batchNorm(b.batchNorm(x, make("uniform", { kind: "kaiming-uniform", fanIn: 25 }), make("normal", { kind: "kaiming-normal", fanOut: 50 }), b.state("mean", [n], 0), b.state("variance", [n], 1)),
    make("bias", { kind: "bias-uniform", fanIn: 4 }), make("constant", { kind: "constant", value: 3 }), b.frozen("f", [n], Array.from({ length: n }, (_, i) => i)), b.state("variance2", [n], 1));
  b.batchNorm(y, make("given bound", { kind: "uniform", bound: 0.3 }), make("given deviation", { kind: "normal", std: 0.02 }), b.state("mean3", [n], 0), b.state("variance3", [n], 1));
  return b;
}

describe("NetworkParameters", () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  it("saves to the bit what it loaded, states included", async () => {
    const scope = gpu.scope("test");
    const leaves = leavesOf(whole, 9);
    const first = parametersOn(scope, whole.graph, leaves);
    const saved = await first.save();
    assert.equal(saved.size, leaves.parameters.size + leaves.states.size);
    for (const [name, value] of [...leaves.parameters, ...leaves.states]) assert.deepEqual(saved.get(name)!.data, Float32Array.from(value), name);
    const second = new NetworkParameters(scope, whole.graph);
    second.load(saved);
    assert.deepEqual(await second.save(), saved);
    assert.equal(first.count, [...leaves.parameters.values()].reduce((sum, { length }) => sum + length, 0));
    scope.dispose();
  });

  it("names every missing, surplus, misshapen and non-finite tensor at once, and changes nothing", async () => {
    const scope = gpu.scope("test");
    const parameters = parametersOn(scope, whole.graph, leavesOf(whole, 9));
    const before = await parameters.save();
    const bad = new Map<string, StoredTensor>(before);
    const [missing, misshapen, notFinite] = [...before.keys()] as [string, string, string];
    bad.delete(missing);
    bad.set("extra.weight", { shape: [1], data: new Float32Array(1) });
    bad.set(misshapen, { shape: [...before.get(misshapen)!.shape, 1], data: before.get(misshapen)!.data });
    bad.set(notFinite, { ...before.get(notFinite)!, data: before.get(notFinite)!.data.map((v, i) => (i === 0 ? NaN : v)) });
    assert.throws(() => { parameters.load(bad); }, (error: { code: string; message: string; details: Record<string, string[]> }) => {
      assert.equal(error.code, "WEIGHTS_CORRUPT");
      assert.deepEqual([error.details["missing"], error.details["surplus"], error.details["notFinite"]], [[missing], ["extra.weight"], [notFinite]]);
      assert.match(error.details["misshapen"]![0]!, new RegExp(`^${misshapen} \\(expected`));
      for (const name of [missing, "extra.weight", misshapen, notFinite]) assert.ok(error.message.includes(name), name);
      return true;
    });
    assert.deepEqual(await parameters.save(), before);
    scope.dispose();
  });

  it("initialises by the graph's rules, as a function of the seed", async () => {
    const scope = gpu.scope("test");
    const n = 2000;
    const { graph } = withInitialisers(n);
    const draw = async (seed: number): Promise<Map<string, StoredTensor>> => { const p = new NetworkParameters(scope, graph); p.initialise(seed); return p.save(); };
    const saved = await draw(1);
    const data = (name: string): Float32Array => saved.get(name)!.data;
    const moments = (x: Float32Array): [number, number] => { const mean = x.reduce((s, v) => s + v, 0) / n; return [mean, Math.sqrt(x.reduce((s, v) => s + (v - mean) ** 2, 0) / n)]; };
    // bounds 1/√25 and 1/√4, deviation √(2/50); means within 4 standard errors
    for (const [name, deviation, bound] of [["uniform", 0.2 / Math.sqrt(3), 0.2], ["bias", 0.5 / Math.sqrt(3), 0.5], ["normal", 0.2, Infinity], ["given bound", 0.3 / Math.sqrt(3), 0.3], ["given deviation", 0.02, Infinity]] as const) {
      const [mean, std] = moments(data(name));
      assert.ok(Math.abs(mean) < 4 * deviation / Math.sqrt(n), `${name} mean ${mean}`);
      assert.ok(Math.abs(std / deviation - 1) < 0.06, `${name} deviation ${std}`);
      assert.ok(data(name).every((v) => Math.abs(v) <= bound) && (bound === Infinity || data(name).some((v) => Math.abs(v) > 0.98 * bound)));
    }
    assert.ok(data("constant").every((v) => v === 3) && data("variance").every((v) => v === 1) && data("mean").every((v) => v === 0));
    assert.ok(!saved.has("f"), "frozen constants are not saved");
    assert.deepEqual(await draw(1), saved);
    assert.notDeepEqual((await draw(2)).get("uniform"), saved.get("uniform"));
    const sameSign = data("uniform").filter((v, i) => v * data("bias")[i]! > 0).length;
    assert.ok(Math.abs(sameSign / n - 0.5) < 0.05, `parameters draw from different streams: ${sameSign} of ${n} signs agree`);
    scope.dispose();
  });

  it("is stepped by one dispatch over the flat buffer, whose gaps stay 0", async () => {
    const scope = gpu.scope("test");
    const parameters = parametersOn(scope, whole.graph, leavesOf(whole, 9), { gradients: true, slots: 1 });
    const before = await parameters.save();
    const n = parameters.values[0]!.bytes / 4;
    const used = new Float32Array(n);
    for (const name of leavesOf(whole, 9).parameters.keys()) {
      const slice = parameters.gradientSlice(name);
      gpu.write(slice, new Float32Array(slice.bytes / 4).fill(1));
      used.fill(1, slice.offset / 4, (slice.offset + slice.bytes) / 4);
    }
    await runOnce(gpu, "sgd", [sgd(parameters.values[0]!, parameters.gradients[0]!, parameters.slots[0]![0]!, { n, learningRate: 0.5, momentum: 0, weightDecay: 0, nesterov: false })]);
    const flat = await gpu.readF32(parameters.values[0]!);
    assert.ok(flat.every((v, i) => used[i] === 1 || v === 0), "gaps between tensors stay 0");
    for (const [name, { data }] of await parameters.save()) {
      const moved = leavesOf(whole, 9).parameters.has(name) ? 0.5 : 0;
      assert.deepEqual(data, before.get(name)!.data.map((v) => v - moved), name);
    }
    scope.dispose();
  });

  it("refuses what it does not have by name", () => {
    const scope = gpu.scope("test");
    const parameters = new NetworkParameters(scope, whole.graph);
    assert.throws(() => parameters.gradientSlice("p0"), { code: "SHAPE_MISMATCH", message: /gradients: true/ });
    assert.throws(() => parameters.slice("nobody", [1], { kind: "vector" }), { code: "SHAPE_MISMATCH", message: /got nobody/ });
    assert.throws(() => parameters.slice("p0", [1], { kind: "vector" }), { code: "SHAPE_MISMATCH", message: /make the plan from the same network/ });
    scope.dispose();
  });
});
