import { operatorNetwork } from "./operator-network.ts";

export const poolNetworks = [
  operatorNetwork("max pooling, window, stride and padding of each direction its own", [3, 8, 9], (s, x) => s.builder.maxPool(s.conv(x, 5, 1), { window: [3, 2], stride: [2, 1], padding: [0, 1, 2, 0] })),
  operatorNetwork("max pooling rounded up, after a ReLU", [3, 7, 8], (s, x) => s.conv(s.builder.maxPool(s.builder.relu(s.conv(x, 4, 1)), { window: 3, stride: 2, ceilMode: true }), 3, 1)),
  operatorNetwork("max pooling with dilation", [3, 9, 8], (s, x) => s.builder.maxPool(s.conv(x, 4, 1), { window: [2, 3], stride: 2, padding: [1, 1, 0, 2], dilation: [3, 2], ceilMode: true })),
  operatorNetwork("average pooling, padding counted, rounded up", [3, 7, 8], (s, x) => s.builder.averagePool(s.conv(x, 4, 1), { window: [2, 3], stride: [3, 2], padding: [1, 0, 0, 1], ceilMode: true })),
  operatorNetwork("average pooling, padding not counted, rounded up", [3, 7, 8], (s, x) => s.builder.averagePool(s.conv(x, 4, 1), { window: [3, 2], stride: [2, 3], padding: [1, 1, 1, 0], ceilMode: true, countIncludePad: false })),
];
