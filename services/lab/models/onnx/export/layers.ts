import type { Translations } from "./translation.ts";

/** Convolutions, pooling and norms. */
export const layers = {
  normalise: ({ writer, operation: { mean, std }, inputs, output }) => {
    const side = [1, mean.length, 1, 1];
    writer.node("Div", [writer.node("Sub", [inputs[0]!, writer.floats(mean, side)]), writer.floats(std, side)], {}, output);
  },
  conv2d: ({ writer, operation: { stride, padding, dilation, groups }, inputs, inputNodes, output }) => {
    writer.node("Conv", inputs, { kernel_shape: inputNodes[1]!.shape.slice(2), strides: stride, pads: padding, dilations: dilation, group: groups }, output);
  },
  // Rows and columns beyond the borders are borders less than 0 in the graph.
  convTranspose2d: ({ writer, operation: { stride, padding: [top, left, bottom, right], dilation, groups }, inputs, inputNodes, output }) => {
    const pads = [top, left, Math.max(0, bottom), Math.max(0, right)];
    writer.node("ConvTranspose", inputs, { kernel_shape: inputNodes[1]!.shape.slice(2), strides: stride, pads, output_padding: [Math.max(0, -bottom), Math.max(0, -right)], dilations: dilation, group: groups }, output);
  },
  linear: ({ writer, inputs, output }) => { writer.node("Gemm", inputs, { transB: 1 }, output); },
  batchNorm: ({ writer, operation: { epsilon, momentum }, inputs, output }) => { writer.node("BatchNormalization", inputs, { epsilon: { float: epsilon }, momentum: { float: 1 - momentum } }, output); },
  maxPool: ({ writer, operation: { window, stride, padding, dilation, ceilMode }, inputs, output }) => {
    writer.node("MaxPool", inputs, { kernel_shape: window, strides: stride, pads: padding, dilations: dilation, ceil_mode: Number(ceilMode) }, output);
  },
  averagePool: ({ writer, operation: { window, stride, padding, ceilMode, countIncludePad }, inputs, output }) => {
    writer.node("AveragePool", inputs, { kernel_shape: window, strides: stride, pads: padding, ceil_mode: Number(ceilMode), count_include_pad: Number(countIncludePad) }, output);
  },
  globalAveragePool: ({ writer, inputs, output }) => { writer.node("GlobalAveragePool", inputs, {}, output); },
} as const satisfies Translations;
