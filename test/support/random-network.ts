import { Rng } from "../../services/common/rng.ts";
import type { Value } from "../../services/engine/graph/graph.ts";
import { Sketch, type SmallNetwork } from "./networks.ts";

/**
 * A network drawn from a seed: convolutions, batch norms, ReLUs, residuals (identity, projected, normed on both sides, of
 * a value with itself) and both kinds of pooling in an order that nobody chose. At most 8 channels and 10×9 pixels.
 */
export function randomNetwork(seed: number): SmallNetwork {
  const rng = new Rng(BigInt(seed), 1);
  const sketch = new Sketch(2 + rng.integer(2));
  const image = sketch.builder.image(3, 10, 9);
  let x = sketch.builder.normalise(image, [0.4, 0.5, 0.6], [0.3, 0.25, 0.2]);
  const steps: string[] = [];
  for (let left = 3 + rng.integer(4); left > 0; left--) {
    const [name, layer] = LAYERS[rng.integer(LAYERS.length)]!;
    steps.push(name);
    x = layer(sketch, x, rng);
  }
  const { builder } = sketch;
  if (rng.integer(2) === 0) x = builder.globalAveragePool(x);
  const logits = sketch.linear(builder.flatten(x), 3);
  const of = builder.softmaxCrossEntropy(logits, builder.labels());
  return { title: `network ${seed}: ${steps.join(", ")}`, graph: builder.graph, image, logits, of, modes: ["train", "eval"] };
}

type Layer = (sketch: Sketch, x: Value, rng: Rng) => Value;

const LAYERS: readonly (readonly [string, Layer])[] = [
  ["conv-norm-relu", (s, x, rng) => s.builder.relu(s.norm(s.conv(x, width(rng), 3, { padding: 1 })))],
  ["conv-relu-pool", (s, x, rng) => pool(s, s.builder.relu(s.conv(x, width(rng), 3, { padding: 1, bias: true })), rng)],
  ["norm-relu-pool", (s, x, rng) => pool(s, s.builder.relu(s.norm(x)), rng)],
  ["average pool", (s, x) => (large(s, x) ? s.builder.averagePool(x, { window: 3, stride: 2, padding: 1, countIncludePad: false }) : x)],
  ["residual", (s, x) => s.builder.relu(s.builder.add(branch(s, x, channels(s, x), 1), x))],
  ["projected residual", (s, x, rng) => {
    const [k, stride] = [width(rng), large(s, x) ? 1 + rng.integer(2) : 1];
    const [a, b] = [branch(s, x, k, stride), s.norm(s.conv(x, k, 1, { stride }))];
    return s.builder.relu(rng.integer(2) === 0 ? s.builder.add(a, b) : s.builder.add(b, a));
  }],
  ["residual without ReLU", (s, x) => s.builder.add(x, branch(s, x, channels(s, x), 1))],
  ["norm added to itself", (s, x) => { const y = s.norm(x); return s.builder.add(y, y); }],
  ["two norms of one value", (s, x) => s.builder.add(s.norm(x), s.norm(x))],
  ["norm read twice", (s, x) => { const y = s.norm(x); return s.builder.add(s.builder.relu(y), s.conv(y, channels(s, x), 1)); }],
];

function branch(s: Sketch, x: Value, k: number, stride: number): Value {
  return s.norm(s.conv(s.builder.relu(s.norm(s.conv(x, k, 3, { padding: 1, stride }))), k, 3, { padding: 1 }));
}

function pool(s: Sketch, x: Value, rng: Rng): Value {
  if (!large(s, x)) return x;
  return s.builder.maxPool(x, rng.integer(2) === 0 ? { window: 2 } : { window: 3, stride: 2, padding: 1 });
}

function width(rng: Rng): number { return 3 + rng.integer(6); }
function channels(s: Sketch, x: Value): number { return s.builder.shapeOf(x)[1]!; }
function large(s: Sketch, x: Value): boolean { return s.builder.shapeOf(x)[3]! >= 4; }
