import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { evaluate } from "../../services/engine/cpu/evaluate.ts";
import { differentiate } from "../../services/engine/graph/differentiate.ts";
import type { Mode, Value } from "../../services/engine/graph/graph.ts";
import { centralDifferences, DIFFERENCES } from "../support/central-differences.ts";
import { assertClose } from "../support/close.ts";
import { type Leaves, leavesOf, nameOf, parametersOf, type SmallNetwork, smallNetworks } from "../support/networks.ts";

const SEED_WEIGHT = 0.5; // not 1, so that forgetting the seed shows

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

describe("gradients of whole networks are the derivatives of the f64 forward pass", () => {
  for (const network of smallNetworks) for (const mode of network.modes) {
    it(`${network.title}, ${mode}`, () => {
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
    });
  }
});
