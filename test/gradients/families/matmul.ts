import type { Value } from "../../../services/engine/graph/graph.ts";
import type { Sketch } from "../../support/networks.ts";
import { operatorNetwork } from "./operator-network.ts";

/** [n, c, h, w] → [n, h·w, c], a row for each pixel. */
function tokens({ builder: b }: Sketch, x: Value): Value {
  const [n, c, h, w] = b.shapeOf(x) as [number, number, number, number];
  return b.transpose(b.reshape(x, [n, c, h * w]), [0, 2, 1]);
}

export const matMulNetworks = [
  operatorNetwork("a linear layer on every token, twice", [3, 2, 3], (s, x) => s.builder.matMul(s.builder.unary({ name: "tanh" }, s.builder.matMul(tokens(s, x), s.weight(3, 5))), s.weight(5, 4))),
  operatorNetwork("a linear layer across tokens: the left operand is shared", [3, 2, 3], (s, x) => s.builder.matMul(s.weight(4, 6), tokens(s, x))),
  operatorNetwork("the products of tokens with each other, then with tokens", [4, 2, 3], (s, x) => {
    const { builder: b } = s;
    const t = tokens(s, x);
    return b.matMul(b.matMul(t, b.transpose(t, [0, 2, 1])), t);
  }),
  operatorNetwork("a matrix per head, shared by all images", [4, 3, 2], (s, x, n) => s.builder.matMul(s.builder.transpose(s.builder.reshape(tokens(s, x), [n, 6, 2, 2]), [0, 2, 1, 3]), s.weight(2, 2, 3))),
  operatorNetwork("operands that are both repeated", [3, 2, 4], (s, x, n) => s.builder.matMul(s.builder.reshape(x, [n, 3, 1, 2, 4]), s.weight(3, 4, 2))),
  operatorNetwork("one row, and one column", [2, 3, 3], (s, x, n) => s.builder.matMul(s.builder.matMul(s.weight(1, 3), s.builder.reshape(x, [n, 2, 3, 3])), s.weight(3, 1))),
  operatorNetwork("a linear layer of features", [2, 3, 3], (s, x, n) => s.builder.matMul(s.linear(s.builder.reshape(x, [n, 18]), 5), s.weight(5, 6))),
  operatorNetwork("features times themselves, as a weight and as a value", [2, 2, 2], (s, x, n) => { const w = s.weight(8, 8); return s.builder.matMul(s.builder.matMul(s.builder.reshape(x, [n, 8]), s.builder.matMul(w, w)), s.builder.transpose(w, [1, 0])); }),
  operatorNetwork("sums so long that they are cut in parts", [1, 33, 32], (s, x, n) => s.builder.matMul(s.builder.reshape(s.builder.binary("mul", x, s.weight(1)), [n, 1, 1056]), s.builder.reshape(x, [n, 1056, 1]))),
];
