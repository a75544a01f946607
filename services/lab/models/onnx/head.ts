import { AttributeProto_AttributeType as Type } from "./proto/onnx.ts";
import type { OnnxNode } from "./model.ts";

/** Operators that leave class scores as they are. */
const CARRIERS: ReadonlySet<string> = new Set(["Identity", "Cast", "Dropout"]);

/**
 * Cross-entropy and margins want logits: the softmax at the end of a network is taken out, as log-softmax is, which
 * differs from logits by a number per image. A softmax that anything else reads too, or over other axes, stays.
 *
 * @returns the nodes without it, and the operator that was taken out.
 */
export function stripSoftmax(nodes: readonly OnnxNode[], output: string): { readonly nodes: readonly OnnxNode[]; readonly stripped?: string } {
  const made = nodes.find(({ outputs }) => outputs[0] === output);
  if (!made) return { nodes };
  if (CARRIERS.has(made.op) && readers(nodes, made.inputs[0]!) === 1) return stripSoftmax(nodes, made.inputs[0]!);
  return isClassSoftmax(made) && readers(nodes, output) <= 1 ? { nodes: nodes.map((node) => (node === made ? { ...node, op: "Identity", attributes: [] } : node)), stripped: made.op } : { nodes };
}

function readers(nodes: readonly OnnxNode[], name: string): number { return nodes.reduce((count, { inputs, captures }) => count + [...inputs, ...captures].filter((input) => input === name).length, 0); }

function isClassSoftmax({ op, attributes }: OnnxNode): boolean {
  const axis = attributes.find(({ name, type }) => name === "axis" && type === Type.INT)?.i;
  return (op === "Softmax" || op === "LogSoftmax") && (axis === undefined || axis === 1n || axis === -1n);
}
