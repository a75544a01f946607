import type { NodeLabel } from "./errors.ts";
import type { AttributeProto } from "./proto/onnx.ts";
import type { StoredConstant } from "./tensor-data.ts";

/** An operator of the file; its inputs and outputs are named tensors, "" stands for one that is left out. */
export interface OnnxNode extends NodeLabel {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly AttributeProto[];
  /** What an If may do, and the tensors of the graph around it that this reads. */
  readonly branches?: { readonly taken: Branch; readonly otherwise: Branch };
  readonly captures: readonly string[];
}

/** Nodes that see the tensors around them. */
export interface Branch { readonly nodes: readonly OnnxNode[]; readonly outputs: readonly string[] }

/** A checked ONNX model: names are unique, every tensor is made before it is read, the one input is an image. */
export interface OnnxModel {
  readonly opset: number;
  /** [n, c, h, w]; undefined where the file leaves a side open. */
  readonly input: { readonly name: string; readonly sides: readonly (number | undefined)[] };
  /** The first is the logits. */
  readonly outputs: readonly string[];
  readonly initialisers: ReadonlyMap<string, StoredConstant>;
  /** In an order in which they can be computed. */
  readonly nodes: readonly OnnxNode[];
}
