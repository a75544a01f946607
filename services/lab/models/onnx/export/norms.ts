import { unsupported } from "../errors.ts";
import type { Translations } from "./translation.ts";
import type { OnnxWriter } from "./writer.ts";

/** Norms over groups of an image's elements, softmax and products: what transformers are made of. */
export const norms = {
  softmax: ({ writer, operation: { axis }, inputs, output }) => { writer.node("Softmax", inputs, { axis }, output); },
  logSoftmax: ({ writer, operation: { axis }, inputs, output }) => { writer.node("LogSoftmax", inputs, { axis }, output); },
  layerNorm: ({ writer, operation: { axis, epsilon }, inputs: [x, gamma, beta], inputNodes, output }) => {
    const scale = gamma ?? ones(writer, inputNodes[0]!.shape.slice(axis));
    writer.node("LayerNormalization", beta === undefined ? [x!, scale] : [x!, scale, beta], { axis, epsilon: { float: epsilon } }, output);
  },
  // ONNX has it since opset 18: the groups become channels of an instance norm without scale, the scale comes after.
  groupNorm: ({ writer, operation: { groups, epsilon }, inputs: [x, gamma, beta], shape, batchAxis, output }) => {
    if (batchAxis !== 0) throw unsupported(undefined, "export: expected group norm of a batch of images, got one without; export to safetensors");
    const grouped = writer.node("Reshape", [x!, writer.integers([-1, groups, shape.slice(1).reduce((product, side) => product * side, 1) / groups])]);
    const normed = writer.node("InstanceNormalization", [grouped, writer.floats(new Array<number>(groups).fill(1)), writer.floats(new Array<number>(groups).fill(0))], { epsilon: { float: epsilon } });
    const whole = writer.node("Reshape", [normed, writer.integers([-1, ...shape.slice(1)])]);
    const perChannel = (vector: string): string => writer.node("Reshape", [vector, writer.integers([shape[1]!, ...shape.slice(2).map(() => 1)])]);
    const scaled = gamma === undefined ? whole : writer.node("Mul", [whole, perChannel(gamma)]);
    if (beta === undefined) writer.node("Identity", [scaled], {}, output);
    else writer.node("Add", [scaled, perChannel(beta)], {}, output);
  },
  lrn: ({ writer, operation: { size, alpha, beta, bias }, inputs, output }) => { writer.node("LRN", inputs, { size, alpha: { float: alpha }, beta: { float: beta }, bias: { float: bias } }, output); },
  matMul: ({ writer, inputs, output }) => { writer.node("MatMul", inputs, {}, output); },
} as const satisfies Translations;

function ones(writer: OnnxWriter, shape: readonly number[]): string {
  return writer.floats(new Array<number>(shape.reduce((product, side) => product * side, 1)).fill(1), shape);
}
