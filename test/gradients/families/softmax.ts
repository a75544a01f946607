import { operatorNetwork } from "./operator-network.ts";

export const softmaxNetworks = [
  ...(["softmax", "logSoftmax"] as const).flatMap((op) => [1, 2, 3].map((axis) => operatorNetwork(`${op} along axis ${axis}`, [3, 4, 2], (s, x) => s.builder[op](s.conv(x, 3, 1), axis)))),
  operatorNetwork("softmax of features, and what follows it", [2, 2, 2], (s, x, n) => s.linear(s.builder.softmax(s.linear(s.builder.reshape(x, [n, 8]), 5), 1), 4)),
  operatorNetwork("attention", [4, 2, 3], (s, x, n) => {
    const { builder: b } = s;
    const heads = (): ReturnType<typeof s.weight> => b.transpose(b.reshape(s.conv(x, 6, 1, { bias: true }), [n, 2, 3, 6]), [0, 1, 3, 2]); // [n, head, token, feature]
    const [q, k, v] = [heads(), heads(), heads()];
    const scores = b.unary({ name: "affine", scale: 1 / Math.sqrt(3), shift: 0 }, b.matMul(q, b.transpose(k, [0, 1, 3, 2])));
    return b.matMul(b.softmax(scores, 3), v);
  }),
];
