import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { GraphBuilder, type Shape } from "../../../services/engine/graph/graph.ts";
import { layoutsOf } from "../../../services/engine/graph/inference.ts";
import { type Layout, pack, physicalShape, unpack } from "../../../services/engine/graph/physical.ts";
import { elements } from "../../../services/engine/gpu/tensor.ts";
import { Sketch, smallNetworks } from "../../support/networks.ts";
import { uniform } from "../../support/random.ts";

const zero = { kind: "constant", value: 0 } as const;

describe("physical layouts", () => {
  const cases: readonly [Layout, Shape][] = [
    [{ kind: "dense" }, [2, 3, 2, 5]],
    [{ kind: "activation" }, [2, 3, 2, 5]],
    [{ kind: "features", spatial: [3, 2, 5] }, [2, 30]],
    [{ kind: "dense" }, [7]],
    [{ kind: "vector" }, [5]],
    [{ kind: "convWeight", groups: 1 }, [5, 3, 2, 3]],
    [{ kind: "convWeight", groups: 3 }, [6, 2, 3, 3]],
    [{ kind: "linearWeight", spatial: [3, 2, 2] }, [5, 12]],
  ];
  for (const [layout, shape] of cases) {
    it(`pack and unpack [${shape.join(", ")}] as ${layout.kind} without loss, padding 0`, () => {
      const x = Float32Array.from(uniform(1, elements(shape)), (v) => v + 2); // no zeros
      const physical = pack(layout, shape, x);
      assert.equal(physical.length, elements(physicalShape(layout, shape)));
      assert.deepEqual(unpack(layout, shape, physical), x);
      assert.equal(physical.filter((v) => v !== 0).length, x.length);
    });
  }

  it("orders the rows of a linear weight as the flattened activation it multiplies", () => {
    const network = smallNetworks.find(({ title }) => title.startsWith("convolution, norm"))!;
    const layouts = layoutsOf(network.graph);
    const linear = network.graph.nodes.find(({ operation }) => operation.op === "linear")!;
    assert.deepEqual(layouts[linear.inputs[1]!], { kind: "linearWeight", spatial: [5, 3, 2] });
  });

  it("refuses a parameter that is read in two layouts, or not at all", () => {
    const sketch = new Sketch(1);
    const { builder: b } = sketch;
    const x = b.normalise(b.image(3, 2, 2), [0, 0, 0], [1, 1, 1]);
    const w = b.parameter("w", [12, 12], zero);
    b.linear(b.linear(b.flatten(x), w), w); // 3×2×2 pixels, then 12 plain features
    assert.throws(() => layoutsOf(b.graph), { code: "SHAPE_MISMATCH", message: /expected operand \d+ \(parameter\) as linearWeight/ });
    const other = new GraphBuilder(1);
    other.parameter("lonely", [3], zero);
    assert.throws(() => layoutsOf(other.graph), { code: "SHAPE_MISMATCH", message: /lonely is not/ });
  });
});
