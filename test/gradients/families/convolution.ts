import { operatorNetwork } from "./operator-network.ts";

// Every first convolution reads the image too, so that the image's gradient passes through each product.
export const convolutionNetworks = [
  operatorNetwork("stride, padding and dilation of each direction its own", [3, 9, 8], (s, x) =>
    s.conv(s.builder.relu(s.conv(x, 5, [3, 2], { stride: [2, 1], padding: [0, 1, 2, 0], dilation: [1, 2], bias: true })), 6, [2, 3], { stride: [1, 2], padding: [1, 1, 0, 2], dilation: [2, 1] })),
  operatorNetwork("stride and dilation with a common divisor", [3, 9, 10], (s, x) => s.conv(s.conv(x, 4, 3, { stride: 2, dilation: 2, padding: 2 }), 5, [2, 3], { stride: [2, 3], dilation: [1, 6], padding: [0, 6, 0, 6] })),
  operatorNetwork("depthwise, dilated and strided, with bias, residual and ReLU", [3, 8, 7], (s, x) => {
    const y = s.builder.relu(s.conv(x, 8, 1));
    const deep = s.conv(y, 8, 3, { groups: 8, padding: [2, 1, 2, 3], dilation: 2, stride: [1, 1], bias: true });
    return s.conv(s.builder.relu(s.builder.add(deep, s.conv(y, 8, [1, 2], { padding: [0, 0, 0, 1] }))), 8, 3, { groups: 8, stride: 2, padding: 1 });
  }),
  operatorNetwork("groups of whole vec4, and of odd sizes", [3, 6, 7], (s, x) => s.conv(s.builder.relu(s.conv(s.conv(x, 16, 1), 8, 3, { groups: 2, padding: 1, stride: [1, 2], dilation: [2, 1] })), 6, 2, { groups: 2, bias: true })),
  operatorNetwork("transposed, with bias and ReLU", [3, 4, 5], (s, x) => s.builder.relu(s.convTranspose(s.builder.relu(s.conv(x, 6, 1)), 5, 3, { stride: 2, padding: 1, outputPadding: 1, bias: true }))),
  operatorNetwork("transposed from the image itself, padding of each side its own", [3, 4, 3], (s, x) => s.convTranspose(x, 4, [3, 2], { stride: [3, 1], padding: [0, 1, 2, 0], outputPadding: [2, 0], bias: true }), { normalised: false }),
  operatorNetwork("transposed with groups, dilation and a residual", [4, 4, 3], (s, x) => {
    const y = s.builder.relu(s.convTranspose(s.conv(x, 8, 1), 8, 3, { groups: 2, dilation: 2, padding: 2 }));
    return s.builder.relu(s.builder.add(s.convTranspose(y, 8, 2, { groups: 8, stride: 1, dilation: 2, padding: 1, outputPadding: [0, 0] }), y));
  }),
  operatorNetwork("transposed to few channels, by columns", [3, 4, 4], (s, x) => s.convTranspose(s.builder.relu(s.conv(x, 40, 1)), 3, 3, { stride: 2, padding: 1, outputPadding: 1, bias: true })),
  operatorNetwork("a transposed convolution under a batch norm, read twice", [3, 3, 4], (s, x) => {
    const y = s.builder.relu(s.norm(s.convTranspose(s.conv(x, 4, 2), 6, 2, { stride: 2 })));
    return s.builder.add(s.conv(y, 4, 3, { padding: 1 }), s.conv(y, 4, 1));
  }),
];
