import type { Value } from "../../../services/engine/graph/graph.ts";
import type { ArithmeticFunction } from "../../../services/engine/graph/operations/broadcast.ts";
import type { Sketch } from "../../support/networks.ts";
import { operatorNetwork } from "./operator-network.ts";

const functions: readonly ArithmeticFunction[] = ["add", "sub", "mul", "div", "pow", "max", "min"];

/** In [0.3, 1.3]: a divisor, a base. */
function positive({ builder: b }: Sketch, x: Value): Value { return b.unary({ name: "affine", scale: 1, shift: 0.3 }, b.unary({ name: "sigmoid" }, x)); }

export const broadcastNetworks = [
  ...functions.map((fn) => operatorNetwork(`${fn} of two activations of one shape, with padding lanes`, [3, 3, 3], (s, x) => s.conv(s.builder.binary(fn, positive(s, s.conv(x, 3, 1)), positive(s, s.conv(x, 3, 1))), 2, 1))),
  ...functions.map((fn) => operatorNetwork(`${fn} of an activation and a parameter per channel, in fours`, [3, 3, 3], (s, x) => s.conv(s.builder.binary(fn, positive(s, s.conv(x, 8, 1)), positive(s, s.weight(8, 1, 1))), 2, 1))),
  ...functions.map((fn) => operatorNetwork(`${fn} of tensors that are both repeated`, [3, 2, 4], (s, x, n) => s.builder.binary(fn, positive(s, s.builder.reshape(x, [n, 12, 1, 2])), positive(s, s.builder.reshape(s.weight(5), [5, 1]))))),
  operatorNetwork("a scale per channel and image, as squeeze and excitation has it", [3, 4, 4], (s, x, n) => {
    const { builder: b } = s;
    const y = s.conv(x, 8, 1);
    const scale = b.unary({ name: "sigmoid" }, s.linear(b.flatten(b.globalAveragePool(y)), 8));
    return s.conv(b.binary("mul", y, b.reshape(scale, [n, 8, 1, 1])), 2, 1);
  }),
  operatorNetwork("a mask of one channel on many", [3, 3, 3], (s, x) => s.conv(s.builder.binary("mul", s.conv(x, 1, 1), s.conv(x, 4, 1)), 2, 1)),
  operatorNetwork("a bias of the last axis on tokens", [4, 3, 2], (s, x, n) => s.builder.binary("add", s.builder.transpose(s.builder.reshape(x, [n, 4, 6]), [0, 2, 1]), s.weight(4))),
  operatorNetwork("where one is larger, and logic on that", [3, 3, 3], (s, x) => {
    const { builder: b } = s;
    const [p, q] = [s.conv(x, 3, 1), s.conv(x, 3, 1)];
    const both = b.compare("and", b.compare("less", p, q), b.compare("greaterOrEqual", p, b.constant([1], [-0.2])));
    return b.where(b.compare("or", both, b.compare("equal", p, q)), p, b.unary({ name: "sin" }, q));
  }),
  operatorNetwork("where between a repeated parameter and a value", [3, 3, 3], (s, x) => s.builder.where(s.builder.compare("greater", x, s.builder.constant([1], [0])), s.weight(3, 1, 1), x)),
  operatorNetwork("prelu with a slope per channel", [3, 3, 3], (s, x) => s.conv(s.builder.prelu(s.conv(x, 4, 1), s.weight(4, 1, 1)), 2, 1)),
  operatorNetwork("expand of a parameter to all images", [3, 2, 2], (s, x, n) => s.builder.concat([s.builder.expand(s.weight(1, 1, 4), [n, 1, 4]), s.builder.reshape(x, [n, 3, 4])], 1)),
  ...(["sum", "mean", "max"] as const).flatMap((fn) => [
    operatorNetwork(`${fn} over pixels`, [3, 3, 4], (s, x) => s.builder.reduce(fn, s.conv(x, 5, 1), [2, 3], false)),
    operatorNetwork(`${fn} over channels, kept`, [3, 3, 4], (s, x) => s.builder.binary("mul", x, s.builder.reduce(fn, s.conv(x, 5, 1), [1], true))),
    operatorNetwork(`${fn} over the first and the last axis but the images`, [4, 3, 4], (s, x, n) => s.builder.reduce(fn, s.builder.reshape(x, [n, 2, 2, 3, 4]), [4, 1], false)),
    operatorNetwork(`${fn} of so many that they are reduced in parts`, [1, 65, 64], (s, x) => s.builder.reduce(fn, s.builder.binary("mul", x, s.weight(1)), [1, 2, 3], true), { large: true }),
  ]),
  operatorNetwork("a loss of general operators", [3, 3, 3], (s, x) => s.conv(x, 4, 1), { loss: "meanSquare" }),
];
