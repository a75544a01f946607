import { describe, it } from "node:test";

import { evaluate } from "../../services/engine/cpu/evaluate.ts";
import { elements } from "../../services/engine/gpu/tensor.ts";
import { differentiate } from "../../services/engine/graph/differentiate.ts";
import { GraphBuilder, type Shape, type Value } from "../../services/engine/graph/graph.ts";
import { assertClose } from "../support/close.ts";

// PyTorch 1.13 on tensors whose element i is ((i·k) mod 17 − 8)/8 in f64: y = f(x, …), then y.backward(dy) with k = 5 for dy.
// The interpreter alone: kernel tests and test/gradients compare the device with it.

const numbers = (shape: Shape, k: number): Float64Array => Float64Array.from({ length: elements(shape) }, (_, i) => (((i * k) % 17) - 8) / 8);

interface Case {
  /** The call. */
  readonly torch: string;
  /** Shape and k of each operand. */
  readonly operands: readonly (readonly [shape: Shape, k: number])[];
  readonly build: (b: GraphBuilder, operands: readonly Value[]) => Value;
  readonly y: readonly number[];
  /** One for each operand. */
  readonly gradients: readonly (readonly number[])[];
}

const cases: readonly Case[] = [
  {
    torch: "F.layer_norm(x, (3,), gamma, beta, 1e-5)", operands: [[[2, 2, 3], 7], [[3], 3], [[3], 11]],
    build: (b, [x, gamma, beta]) => b.layerNorm(x!, gamma, beta, 2),
    y: [0.224732874067, 0.375, -0.681183218517, -0.68178288669, -0.47026420723, -0.116448595436, -0.68178288669, -0.47026420723, -0.116448595436, -2.03420561826, 1.22026420723, -0.454554278327],
    gradients: [
      [0.109365717436, -0.218702298941, 0.109336581505, -1.19898459715, 0.359718906214, 0.839265690938, -1.00639324805, 0.301943459053, 0.704449789001, -0.486376884802, -0.20846795135, 0.694844836153],
      [1.13523431095, -3.38105682892, 0.405626066426], [0.875, -0.875, -0.5],
    ],
  },
  {
    torch: "F.group_norm(x, 2, gamma, beta, 1e-5)", operands: [[[2, 4, 2], 7], [[4], 3], [[4], 11]],
    build: (b, [x, gamma, beta]) => b.groupNorm(x!, gamma, beta, 2),
    y: [0.221314998012, -1.14655779976, -0.571519123459, 0.649795874553, -0.484918349821, 0.00360764938361, 0.98168027503, 1.15266437475, -0.474785859366, -2.31303535159, 1.19564709474, 0.0467411621037, -0.686289887204, -0.207382368429, 1.08380881579, 0.844355056398],
    gradients: [
      [0.745802714903, 0.390236205431, 0.18122749572, -1.31726641605, 0.208526827316, -0.0940314062169, 0.0689067573359, -0.183402178435, 0.854600509191, -0.807052979497, -0.834241209984, 0.78669368029, 0.0571178967687, -0.150482670262, -0.0291076492791, 0.122472422772],
      [1.7900476151, -1.58174899689, -0.622003825665, -1.50745719922], [-1.25, 1.625, 0.25, -1.125],
    ],
  },
  {
    torch: "F.instance_norm(x, None, None, gamma, beta, True, 0.1, 1e-5)", operands: [[[1, 2, 4], 7], [[2], 3], [[2], 11]],
    build: (b, [x, gamma, beta]) => b.groupNorm(x!, gamma, beta, 2),
    y: [0.221314998012, -1.14655779976, -2.51443059753, -0.560326600716, 0.100204125447, 1.32151912346, 0.466598624851, -0.388321873757],
    gradients: [[0.911773275271, 0.554982565886, 0.198191856501, -1.66494769766, 0.242809349649, 0.317120849331, -0.773014948756, 0.213084749776], [1.16024924811, -1.43504512266], [-0.25, -0.875]],
  },
  {
    torch: "F.local_response_norm(x, 3, 0.9, 0.75, 1.5)", operands: [[[1, 5, 2], 7]],
    build: (b, [x]) => b.lrn(x!, { size: 3, alpha: 0.9, beta: 0.75, bias: 1.5 }),
    y: [-0.601668218481, -0.0887118480943, 0.444132274275, -0.320496702305, 0.250671903465, -0.51367070148, 0, 0.51367070148, -0.270974475111, 0.32112084404],
    gradients: [[-0.439297493458, -0.273669139253, 0.0571708028797, 0.530734849151, -0.411651588464, -0.148019840611, 0.442574646948, -0.452951606284, -0.173236974463, 0.275537258856]],
  },
  {
    torch: "F.softmax(x, 1)", operands: [[[2, 3, 2], 7]],
    build: (b, [x]) => b.softmax(x!, 1),
    y: [0.0933734767168, 0.463036741966, 0.537327258982, 0.318240188439, 0.369299264301, 0.218723069595, 0.463036741966, 0.463036741966, 0.318240188439, 0.318240188439, 0.218723069595, 0.218723069595],
    gradients: [[-0.0756461764786, -0.222174931599, 0.236345384134, 0.245101787045, -0.160699207656, -0.0229268554467, 0.0909584809386, -0.222174931599, -0.21594537612, 0.245101787045, 0.124986895182, -0.0229268554467]],
  },
  {
    torch: "F.log_softmax(x, 1)", operands: [[[2, 3, 2], 7]],
    build: (b, [x]) => b.logSoftmax(x!, 1),
    y: [-2.37114794927, -0.769948871747, -0.621147949271, -1.14494887175, -0.996147949271, -1.51994887175, -0.769948871747, -0.769948871747, -1.14494887175, -1.14494887175, -1.51994887175, -1.51994887175],
    gradients: [[-0.871611469514, -0.606518370983, 0.988824981101, 0.71587990578, -0.117213511586, -0.109361534797, -0.011675520203, -0.411963258034, -0.687580259104, 0.693240188439, 0.699255779307, -0.281276930405]],
  },
  {
    torch: "a @ b, a [2, 1, 2, 3], b [2, 3, 2]", operands: [[[2, 1, 2, 3], 7], [[2, 3, 2], 11]],
    build: (b, [left, right]) => b.matMul(left!, right!),
    y: [1.234375, -0.875, 0.140625, 0.625, -0.796875, -0.78125, -0.671875, 0.875, -0.421875, 1.0625, -0.1875, -0.625, -0.546875, 0.9375, 0.90625, -0.59375],
    gradients: [[0.3125, 0.390625, -0.0625, 0.515625, -0.265625, 0.28125, 0.59375, 0.953125, -0.8125, -1.859375, -0.5, 0.59375], [1.375, -0.3125, -0.75, 1.078125, -0.75, -1.25, -0.0625, 0.375, 0.984375, 0.421875, -1.15625, 0.46875]],
  },
];

/** PyTorch's numbers are quoted to twelve digits. */
const QUOTED = { atol: 1e-11, rtol: 1e-11 };

describe("dense operators agree with PyTorch", () => {
  for (const { torch, operands, build, y: expected, gradients: expectedGradients } of cases) {
    it(torch, () => {
      const b = new GraphBuilder(operands[0]![0][0]!);
      const values = operands.map(([shape], i) => b.parameter(`p${i}`, shape, { kind: "constant", value: 0 }));
      const y = build(b, values);
      const shape = b.shapeOf(y);
      const weighted = b.binary("mul", y, b.constant(shape, [...numbers(shape, 5)])); // its sum has the gradient dy
      const { graph, gradients } = differentiate(b.graph, b.reduce("sum", weighted, shape.slice(1).map((_, i) => i + 1), false), values, 1);
      const evaluation = evaluate(graph, { parameters: new Map(operands.map(([side, k], i) => [`p${i}`, numbers(side, k)])) }, "eval");
      assertClose(evaluation.of(y), expected, QUOTED);
      values.forEach((value, i) => { assertClose(evaluation.of(gradients.get(value)!), expectedGradients[i]!, QUOTED); });
    });
  }
});
