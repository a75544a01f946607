import { operatorNetwork } from "./operator-network.ts";

export const groupNormNetworks = [
  operatorNetwork("layer norm of tokens", [5, 2, 3], (s, x, n) => s.builder.layerNorm(s.builder.transpose(s.builder.reshape(s.conv(x, 5, 1), [n, 5, 6]), [0, 2, 1]), s.weight(5), s.weight(5), 2, 1e-3)),
  operatorNetwork("layer norm over all but the images, with gamma alone", [3, 3, 2], (s, x) => s.builder.layerNorm(s.conv(x, 3, 1), s.weight(3, 3, 2), undefined, 1, 1e-3)),
  operatorNetwork("layer norm without gamma", [3, 3, 5], (s, x) => s.builder.layerNorm(s.conv(x, 3, 1), undefined, undefined, 3, 1e-2)),
  operatorNetwork("layer norm of a token's features, twice with the same gamma", [2, 2, 2], (s, x, n) => {
    const { builder: b } = s;
    const [gamma, beta] = [s.weight(8), s.weight(8)];
    return b.layerNorm(s.linear(b.layerNorm(b.reshape(x, [n, 8]), gamma, beta, 1, 1e-3), 8), gamma, beta, 1, 1e-3);
  }),
  // One dy for both, of which one has a trained gamma and the other a trained beta: what is computed together must be of one norm.
  operatorNetwork("two norms of one value, added", [6, 2, 2], (s, x) => {
    const { builder: b } = s;
    const y = s.conv(x, 6, 1);
    return b.add(b.groupNorm(y, s.weight(6), undefined, 2, 1e-3), b.groupNorm(y, b.constant([6], [1, 2, 3, -1, -2, -3]), s.weight(6), 3, 1e-3));
  }),
  operatorNetwork("group norm between convolutions", [3, 3, 3], (s, x) => s.conv(s.builder.relu(s.builder.groupNorm(s.conv(x, 6, 3, { padding: 1 }), s.weight(6), s.weight(6), 3, 1e-3)), 2, 1)),
  operatorNetwork("instance norm, with and without gamma", [3, 3, 3], (s, x) => s.builder.groupNorm(s.conv(s.builder.groupNorm(s.conv(x, 3, 1), s.weight(3), s.weight(3), 3, 1e-3), 2, 1), undefined, undefined, 2, 1e-2)),
  operatorNetwork("group norm of long groups", [2, 32, 33], (s, x) => s.builder.averagePool(s.builder.groupNorm(s.conv(x, 2, 1), s.weight(2), s.weight(2), 1, 1e-3), { window: 8 })),
  operatorNetwork("group norm of features", [2, 2, 2], (s, x, n) => s.builder.groupNorm(s.linear(s.builder.reshape(x, [n, 8]), 6), s.weight(6), s.weight(6), 2, 1e-3)),
  operatorNetwork("local response normalisation", [3, 3, 3], (s, x) => s.conv(s.builder.lrn(s.conv(x, 7, 1), { size: 5, alpha: 0.5, beta: 0.75, bias: 1 }), 2, 1)),
  operatorNetwork("local response normalisation over an even window", [4, 2, 3], (s, x) => s.builder.lrn(x, { size: 2, alpha: 2, beta: 1.5, bias: 0.5 })),
];
