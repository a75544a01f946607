import assert from "node:assert/strict";

import { evaluate } from "../../services/engine/cpu/evaluate.ts";
import type { Gpu } from "../../services/engine/gpu/device.ts";
import type { Dispatch } from "../../services/engine/gpu/kernel.ts";
import { runOnce } from "../../services/engine/gpu/program.ts";
import { differentiate } from "../../services/engine/graph/differentiate.ts";
import type { Mode, Value } from "../../services/engine/graph/graph.ts";
import { centralDifferences, DIFFERENCES } from "./central-differences.ts";
import { assertClose, TOLERANCE } from "./close.ts";
import { type Leaves, leavesOf, nameOf, parametersOf, type SmallNetwork } from "./networks.ts";
import { compileFor, parametersOn, readGradient, readValue, runPlan } from "./run-plan.ts";

const SEED_WEIGHT = 0.5; // not 1, so that forgetting the seed shows

/** In f64: every gradient, of the image and of each parameter, is the derivative of the forward pass, and somewhere not 0. */
export function assertDerivatives(network: SmallNetwork, mode: Mode): void {
  const leaves = leavesOf(network, 11);
  const targets: Value[] = [network.image, ...parametersOf(network.graph)];
  const { graph, gradients } = differentiate(network.graph, network.of, targets, SEED_WEIGHT);
  const values = evaluate(graph, leaves, mode);
  for (const target of targets) {
    const leaf = target === network.image ? leaves.image : leaves.parameters.get(nameOf(graph, target))!;
    const analytic = values.of(gradients.get(target)!);
    assert.ok(analytic.some((v) => v !== 0), `gradient of value ${target} is all zero`);
    assertClose(analytic, centralDifferences(totalOver(network, leaves, mode, leaf), leaf), DIFFERENCES);
  }
}

/** Σ weight·of as a function of one leaf. */
function totalOver({ graph, of }: SmallNetwork, leaves: Leaves, mode: Mode, leaf: Float64Array): (x: Float64Array) => number {
  const before = leaf.slice();
  return (x) => {
    leaf.set(x);
    const total = evaluate(graph, leaves, mode).of(of).reduce((sum, value) => sum + SEED_WEIGHT * value, 0);
    leaf.set(before);
    return total;
  };
}

/** On the device: logits, loss, all gradients and running statistics are the interpreter's. */
export async function assertPlanAgrees(gpu: Gpu, network: SmallNetwork, mode: Mode): Promise<void> {
  const scope = gpu.scope("test");
  try {
    const leaves = leavesOf(network, 5);
    const weights = parametersOf(network.graph);
    const { graph, gradients } = differentiate(network.graph, network.of, [network.image, ...weights], SEED_WEIGHT);
    const imageGradient = gradients.get(network.image)!;
    const parameters = parametersOn(scope, graph, leaves, { gradients: true });
    const gradientsInto = new Map(weights.map((weight) => [weight, gradients.get(weight)!]));
    const plan = compileFor(gpu, scope, graph, parameters, leaves, { mode, keep: [network.logits, network.of, imageGradient], gradientsInto });
    await runPlan(gpu, plan);

    const truth = evaluate(graph, leaves, mode);
    for (const value of [network.logits, network.of, imageGradient]) assertClose(await readValue(gpu, graph, plan.output(value), value), truth.of(value), TOLERANCE.layer);
    for (const weight of weights) assertClose(await readGradient(gpu, graph, parameters, weight), truth.of(gradients.get(weight)!), TOLERANCE.layer);
    const saved = await parameters.save();
    for (const [name, state] of truth.states) assertClose(saved.get(name)!.data, state, TOLERANCE.layer);
    for (const weight of weights) assert.deepEqual(saved.get(nameOf(graph, weight))!.data, Float32Array.from(leaves.parameters.get(nameOf(graph, weight))!), "a plan must not change parameters");
  } finally { scope.dispose(); }
}

/**
 * Logits and gradient of the first images of a batch, as the device computes them. `build` makes the network for a batch
 * size, `change` another launch of the same work of each dispatch.
 */
export async function firstRows(gpu: Gpu, build: (n: number) => SmallNetwork, batch: number, rows: number, change = (dispatch: Dispatch): Dispatch => dispatch): Promise<readonly Float32Array[]> {
  const scope = gpu.scope("test");
  try {
    const network = build(batch);
    const { graph, gradients } = differentiate(network.graph, network.of, [network.image], 1);
    const kept = [network.logits, gradients.get(network.image)!];
    const leaves = leavesOf({ graph }, 4);
    const plan = compileFor(gpu, scope, graph, parametersOn(scope, graph, leaves), leaves, { mode: "eval", keep: kept });
    await runOnce(gpu, "test", [...plan.prologue, ...plan.body].map((step) => (step.kind === "dispatch" ? change(step) : step)));
    return await Promise.all(kept.map(async (value) => {
      const all = await readValue(gpu, graph, plan.output(value), value);
      return all.slice(0, (all.length / batch) * rows);
    }));
  } finally { scope.dispose(); }
}
