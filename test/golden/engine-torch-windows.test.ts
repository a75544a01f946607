import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";

import { evaluate } from "../../services/engine/cpu/evaluate.ts";
import type { Gpu } from "../../services/engine/gpu/device.ts";
import { elements } from "../../services/engine/gpu/tensor.ts";
import { differentiate } from "../../services/engine/graph/differentiate.ts";
import { type Graph, GraphBuilder, type Shape, type Value } from "../../services/engine/graph/graph.ts";
import type { ConvTransposeOptions } from "../../services/engine/graph/operations/convolution.ts";
import type { AveragePoolOptions, MaxPoolOptions } from "../../services/engine/graph/operations/pool.ts";
import { assertClose, TOLERANCE } from "../support/close.ts";
import { closeTestGpu, testGpu } from "../support/gpu.ts";
import type { Leaves } from "../support/networks.ts";
import { compileFor, parametersOn, readGradient, readValue, runPlan } from "../support/run-plan.ts";

/** One case of test/fixtures/goldens/make-torch-windows.py. */
interface Case {
  readonly op: "conv2d" | "convTranspose2d" | "maxPool" | "averagePool";
  readonly options: ConvTransposeOptions & MaxPoolOptions & AveragePoolOptions;
  /** Kinds of values in x, where they are few. */
  readonly steps: number;
  readonly x: readonly [number, number, number, number];
  readonly w?: Shape;
  readonly y_shape: Shape;
  readonly y: readonly number[];
  readonly dx: readonly number[];
  readonly dw?: readonly number[];
  readonly db?: readonly number[];
}

const { torch, cases } = JSON.parse(readFileSync(new URL("../fixtures/goldens/torch-windows.json", import.meta.url), "utf8")) as { torch: string; cases: readonly Case[] };
/** What the file's ten digits leave of f64. */
const FILE = { atol: 1e-9, rtol: 1e-9 };

/** The script's formula. */
function values(shape: Shape, salt: number, steps = 0): Float64Array {
  return Float64Array.from({ length: elements(shape) }, (_, i) => {
    const mixed = (i * 7919 + salt * 104_729 + 17) % 2003;
    return steps > 0 ? (mixed % steps) / 4 - 1 : mixed / 1001 - 1;
  });
}

interface Net { readonly graph: Graph; readonly image: Value; readonly y: Value; readonly w?: Value; readonly b?: Value; readonly of: Value; readonly leaves: Leaves }

/** The operator, then Σ y·dy of each image. */
function netOf({ op, options, steps, x, w: wShape, y_shape: [n, ...sides] }: Case): Net {
  const builder = new GraphBuilder(x[0]);
  const initialiser = { kind: "constant", value: 0 } as const;
  const image = builder.image(x[1], x[2], x[3]);
  const parameters = new Map<string, Float64Array>();
  const parameter = (name: string, shape: Shape, salt: number): Value => { parameters.set(name, values(shape, salt)); return builder.parameter(name, shape, initialiser); };
  const w = wShape && parameter("w", wShape, 1);
  const b = wShape && parameter("b", [sides[0]!], 2);
  const y = op === "conv2d" || op === "convTranspose2d" ? builder[op](image, w!, b, options) : builder[op](image, options);
  assert.deepEqual(builder.shapeOf(y), [n, ...sides]);
  const dy = parameter("dy", [1, elements(sides)], 3);
  const of = builder.reshape(builder.linear(builder.reshape(y, [n!, elements(sides)]), dy), [n!]);
  return { graph: builder.graph, image, y, of, leaves: { image: values(x, 0, steps), labels: new Uint32Array(n!), parameters, states: new Map() }, ...(w !== undefined && b !== undefined && { w, b }) };
}

describe(`windows, against PyTorch ${torch}`, () => {
  let gpu: Gpu;
  before(async () => { gpu = await testGpu(); });
  after(closeTestGpu);

  for (const each of cases) {
    const title = `${each.op} of [${each.x.join(", ")}]${each.w ? ` by [${each.w.join(", ")}]` : ""} ${JSON.stringify(each.options)}`;
    const net = netOf(each);
    const { graph: forward, image, y, w, b, of, leaves } = net;
    const weights = w === undefined || b === undefined ? [] : [w, b];
    const { graph, gradients } = differentiate(forward, of, [image, ...weights], 1);

    it(`in f64: ${title}`, () => {
      const found = evaluate(graph, leaves, "eval");
      assertClose(found.of(y), each.y, FILE);
      assertClose(found.of(gradients.get(image)!), each.dx, FILE);
      [each.dw, each.db].forEach((expected, i) => { if (expected) assertClose(found.of(gradients.get(weights[i]!)!), expected, FILE); });
    });

    it(`on the device: ${title}`, async () => {
      const scope = gpu.scope("test");
      try {
        const parameters = parametersOn(scope, graph, leaves, { gradients: true });
        const gradientsInto = new Map(weights.map((weight) => [weight, gradients.get(weight)!]));
        const plan = compileFor(gpu, scope, graph, parameters, leaves, { mode: "eval", keep: [y, gradients.get(image)!], gradientsInto });
        await runPlan(gpu, plan);
        assertClose(await readValue(gpu, graph, plan.output(y), y), each.y, TOLERANCE.layer);
        assertClose(await readValue(gpu, graph, plan.output(gradients.get(image)!), gradients.get(image)!), each.dx, TOLERANCE.layer);
        for (const [i, expected] of [each.dw, each.db].entries()) if (expected) assertClose(await readGradient(gpu, graph, parameters, weights[i]!), expected, TOLERANCE.layer);
      } finally { scope.dispose(); }
    });
  }
});
