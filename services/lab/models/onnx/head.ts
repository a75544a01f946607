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
  const makers = new Map(nodes.flatMap((node) => (node.outputs[0] ? [[node.outputs[0], node] as const] : [])));
  const readers = countReaders(nodes);
  let name = output;
  let made = makers.get(name);
  while (made && CARRIERS.has(made.op) && readers.get(made.inputs[0] ?? "") === 1) {
    name = made.inputs[0]!;
    made = makers.get(name);
  }
  if (!made || !isClassSoftmax(made) || (readers.get(name) ?? 0) > 1) return { nodes };
  return { nodes: nodes.map((node) => (node === made ? { ...node, op: "Identity", attributes: [] } : node)), stripped: made.op };
}

/** How often each tensor is read. */
function countReaders(nodes: readonly OnnxNode[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { inputs, captures } of nodes) for (const names of [inputs, captures]) for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function isClassSoftmax({ op, attributes }: OnnxNode): boolean {
  const axis = attributes.find(({ name, type }) => name === "axis" && type === Type.INT)?.i;
  return (op === "Softmax" || op === "LogSoftmax") && (axis === undefined || axis === 1n || axis === -1n);
}
