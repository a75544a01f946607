import { create, toBinary } from "@bufbuild/protobuf";

import type { Shape } from "../../../../engine/graph/graph.ts";
import { AttributeProto_AttributeType as Type, type AttributeProto, AttributeProtoSchema, GraphProtoSchema, ModelProtoSchema, type NodeProto, NodeProtoSchema, type TensorProto, TensorProto_DataType as DataType, TensorProtoSchema, type ValueInfoProto, ValueInfoProtoSchema } from "../proto/onnx.ts";

/** The newest opset that PyTorch 1.13 writes, and the oldest with all operators that the writer needs. */
const OPSET = 17;
/** IR version of ONNX 1.12, which brought the opset. */
const IR_VERSION = 8n;

/** Numbers of one kind, or a word; integers are told from floats by their wrapper. */
export type AttributeValue = number | readonly number[] | string | { readonly float: number };

/** Collects the nodes and constants of a model. Every tensor is named by whoever makes it. */
export class OnnxWriter {
  readonly #nodes: NodeProto[] = [];
  readonly #initialisers = new Map<string, TensorProto>();
  #made = 0;

  /** Adds a node. @returns the name of its result. */
  node(op: string, inputs: readonly string[], attributes: Readonly<Record<string, AttributeValue>> = {}, output = this.fresh(op)): string {
    const attribute = Object.entries(attributes).map(([name, value]) => attributeOf(name, value));
    this.#nodes.push(create(NodeProtoSchema, { opType: op, name: `${op}_${this.#nodes.length}`, input: [...inputs], output: [output], attribute }));
    return output;
  }

  tensor(name: string, { shape, data }: { readonly shape: Shape; readonly data: Float32Array }): string {
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#initialisers.set(name, create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType: DataType.FLOAT, rawData }));
    return name;
  }

  floats(values: readonly number[], shape: Shape = [values.length]): string { return this.tensor(this.fresh("constant"), { shape, data: Float32Array.from(values) }); }
  scalar(value: number): string { return this.floats([value], []); }

  integers(values: readonly number[]): string {
    const name = this.fresh("shape");
    const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    this.#initialisers.set(name, create(TensorProtoSchema, { name, dims: [BigInt(values.length)], dataType: DataType.INT64, rawData }));
    return name;
  }

  /** Distinct from every name of the model's own tensors, which hold no colon in PyTorch. */
  fresh(what: string): string { return `${what}:${this.#made++}`; }

  /** The file. Input and output have an open first side, `n`. */
  finish(title: string, input: { name: string; sides: Shape }, output: { name: string; sides: Shape }): Uint8Array {
    const graph = create(GraphProtoSchema, { name: title, node: this.#nodes, initializer: [...this.#initialisers.values()], input: [images(input)], output: [images(output)] });
    return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: IR_VERSION, producerName: "lorenz", opsetImport: [{ domain: "", version: BigInt(OPSET) }], graph }));
  }
}

function images({ name, sides }: { name: string; sides: Shape }): ValueInfoProto {
  const dim = [{ value: { case: "dimParam" as const, value: "n" } }, ...sides.map((side) => ({ value: { case: "dimValue" as const, value: BigInt(side) } }))];
  return create(ValueInfoProtoSchema, { name, type: { value: { case: "tensorType", value: { elemType: DataType.FLOAT, shape: { dim } } } } });
}

function attributeOf(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === "number") return create(AttributeProtoSchema, { name, type: Type.INT, i: BigInt(value) });
  if (typeof value === "string") return create(AttributeProtoSchema, { name, type: Type.STRING, s: new TextEncoder().encode(value) });
  if ("float" in value) return create(AttributeProtoSchema, { name, type: Type.FLOAT, f: value.float });
  return create(AttributeProtoSchema, { name, type: Type.INTS, ints: value.map(BigInt) });
}
