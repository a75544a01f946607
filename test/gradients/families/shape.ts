import { operatorNetwork } from "./operator-network.ts";

export const shapeNetworks = [
  operatorNetwork("a convolution that reads the image itself", [3, 4, 5], (s, x) => s.conv(x, 4, 3, { padding: 1 }), { normalised: false }),
  operatorNetwork("reshape and transpose to tokens and back", [3, 4, 2], (s, x, n) => {
    const { builder: b } = s;
    const tokens = b.transpose(b.reshape(s.conv(x, 5, 1), [n, 5, 8]), [0, 2, 1]);
    return s.conv(b.reshape(b.transpose(b.unary({ name: "tanh" }, tokens), [0, 2, 1]), [n, 5, 4, 2]), 3, 3, { padding: 1 });
  }),
  operatorNetwork("a transposition of six axes", [4, 3, 4], ({ builder: b }, x, n) => b.transpose(b.reshape(x, [n, 2, 2, 3, 2, 2]), [0, 5, 1, 4, 3, 2])),
  operatorNetwork("channels shuffled between grouped convolutions", [4, 3, 3], (s, x, n) => {
    const y = s.builder.transpose(s.builder.reshape(s.conv(x, 4, 1, { groups: 2 }), [n, 2, 2, 3, 3]), [0, 2, 1, 3, 4]);
    return s.conv(s.builder.reshape(y, [n, 4, 3, 3]), 4, 1, { groups: 2 });
  }),
  operatorNetwork("concatenated channels, in fours", [3, 3, 3], (s, x) => { const y = s.conv(x, 4, 1); return s.conv(s.builder.concat([y, s.conv(y, 8, 3, { padding: 1 }), y], 1), 5, 1); }),
  operatorNetwork("concatenated channels, not in fours", [3, 3, 3], (s, x) => { const y = s.conv(x, 3, 1); return s.conv(s.builder.concat([y, s.conv(y, 2, 3, { padding: 1 })], 1), 5, 1); }),
  operatorNetwork("concatenated rows and columns", [3, 3, 3], (s, x) => { const y = s.conv(x, 3, 1); return s.conv(s.builder.concat([s.builder.concat([y, y], 2), s.conv(s.builder.concat([x, x], 2), 3, 1)], 3), 5, 2); }),
  operatorNetwork("features of two branches, and a linear layer after them", [3, 2, 2], (s, x, n) => {
    const { builder: b } = s;
    return s.linear(b.concat([b.flatten(s.conv(x, 3, 1)), b.reshape(b.globalAveragePool(x), [n, 3])], 1), 6);
  }),
  operatorNetwork("a value read dense by two and as an activation by one", [3, 3, 3], (s, x, n) => {
    const { builder: b } = s;
    const y = s.conv(x, 3, 1);
    const seen = b.add(b.transpose(y, [0, 1, 3, 2]), b.reshape(b.reshape(y, [n, 9, 3]), [n, 3, 3, 3]));
    return b.add(seen, s.conv(y, 3, 1));
  }),
  operatorNetwork("a parameter that lies as an activation, whose gradient comes dense", [3, 3, 2], ({ builder: b }, x, n) => b.transpose(b.add(x, b.parameter("added", [n, 3, 3, 2], { kind: "constant", value: 0 })), [0, 1, 3, 2])),
  operatorNetwork("a sparse map along rows, columns and channels", [3, 4, 3], (s, x) => {
    const { builder: b } = s;
    const map = { offsets: [0, 2, 2, 5, 6], indices: [2, 0, 1, 1, 2, 0], weights: [0.5, -1, 2, 0.25, 1, 3] };
    return s.conv(b.axisMap(b.axisMap(b.axisMap(s.conv(x, 5, 1), 2, map), 3, map), 1, map), 2, 1);
  }),
];
