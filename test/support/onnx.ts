import { create, toBinary } from "@bufbuild/protobuf";
import * as ort from "onnxruntime-web/wasm";

import { elements } from "../../services/engine/gpu/tensor.ts";
import { AttributeProto_AttributeType as Type, type AttributeProto, AttributeProtoSchema, GraphProtoSchema, type ModelProto, ModelProtoSchema, type NodeProto, NodeProtoSchema, type TensorProto, TensorProto_DataType as DataType, TensorProtoSchema, ValueInfoProtoSchema } from "../../services/lab/models/onnx/proto/onnx.ts";

/** ONNX models written by hand, for tests; and ONNX Runtime (its WebAssembly build, CPU) as the truth about what they mean. */

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

export type Attribute = number | readonly number[] | string | { readonly float: number } | { readonly floats: readonly number[] } | TensorProto | { readonly graph: string };

export function node(op: string, inputs: readonly string[], outputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): NodeProto {
  return create(NodeProtoSchema, { opType: op, name: `${op} of ${inputs.join(" and ") || "nothing"}`, input: [...inputs], output: [...outputs], attribute: Object.entries(attributes).map(([name, value]) => attributeOf(name, value)) });
}

function attributeOf(name: string, value: Attribute): AttributeProto {
  if (typeof value === "number") return create(AttributeProtoSchema, { name, type: Type.INT, i: BigInt(value) });
  if (typeof value === "string") return create(AttributeProtoSchema, { name, type: Type.STRING, s: new TextEncoder().encode(value) });
  if ("$typeName" in value) return create(AttributeProtoSchema, { name, type: Type.TENSOR, t: value });
  if ("graph" in value) return create(AttributeProtoSchema, { name, type: Type.GRAPH, g: create(GraphProtoSchema, { name: value.graph }) });
  if ("float" in value) return create(AttributeProtoSchema, { name, type: Type.FLOAT, f: value.float });
  if ("floats" in value) return create(AttributeProtoSchema, { name, type: Type.FLOATS, floats: [...value.floats] });
  return create(AttributeProtoSchema, { name, type: Type.INTS, ints: value.map(BigInt) });
}

export function floats(name: string, shape: readonly number[], values: ArrayLike<number>): TensorProto {
  return create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType: DataType.FLOAT, rawData: new Uint8Array(Float32Array.from(values).buffer) });
}

export function ints(name: string, values: readonly (number | bigint)[], shape: readonly number[] = [values.length]): TensorProto {
  return create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType: DataType.INT64, int64Data: values.map(BigInt) });
}

export interface Description {
  readonly opset?: number;
  readonly nodes: readonly NodeProto[];
  readonly initialisers?: readonly TensorProto[];
  /** Sides of the input `x`; a string is an open one. */
  readonly input?: readonly (number | string)[];
  readonly elementType?: DataType;
  /** Default: the last node's first. */
  readonly outputs?: readonly string[];
  readonly change?: (model: ModelProto) => void;
}

export function onnxModel({ opset = 17, nodes, initialisers = [], input = ["n", 3, 6, 5], elementType = DataType.FLOAT, outputs = [nodes.at(-1)!.output[0]!], change }: Description): Uint8Array {
  const dim = input.map((side) => ({ value: typeof side === "number" ? { case: "dimValue" as const, value: BigInt(side) } : { case: "dimParam" as const, value: side } }));
  const x = create(ValueInfoProtoSchema, { name: "x", type: { value: { case: "tensorType", value: { elemType: elementType, shape: { dim } } } } });
  const made = outputs.map((name) => create(ValueInfoProtoSchema, { name, type: { value: { case: "tensorType", value: { elemType: DataType.FLOAT } } } }));
  const graph = create(GraphProtoSchema, { name: "test", node: [...nodes], initializer: [...initialisers], input: [x], output: made });
  const model = create(ModelProtoSchema, { irVersion: 8n, producerName: "test", opsetImport: [{ domain: "", version: BigInt(opset) }], graph });
  change?.(model);
  return toBinary(ModelProtoSchema, model);
}

/** The first output of a model, computed by ONNX Runtime. */
export async function runtime(model: Uint8Array, image: Float32Array, shape: readonly number[]): Promise<Float32Array> {
  if (image.length !== elements(shape)) throw new Error(`expected ${elements(shape)} numbers, got ${image.length}`);
  const session = await ort.InferenceSession.create(model, { graphOptimizationLevel: "disabled" });
  const outputs = await session.run({ [session.inputNames[0]!]: new ort.Tensor("float32", image, [...shape]) });
  await session.release();
  return outputs[session.outputNames[0]!]!.data as Float32Array;
}
