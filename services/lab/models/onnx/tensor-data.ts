import { bfloatToNumber, halfToNumber } from "../weights/dtypes.ts";
import type { Constant, ElementType } from "./constant.ts";
import { volume } from "./constant.ts";
import { clip, damaged, unsupported } from "./errors.ts";
import { type TensorProto, TensorProto_DataLocation, TensorProto_DataType as DataType } from "./proto/onnx.ts";

/** A tensor of the file, and the type in which the file had it. */
export interface StoredConstant extends Constant { readonly storedAs: string }

interface Format {
  readonly type: ElementType;
  readonly bytes: number;
  /** Values from little-endian bytes. */
  raw(view: DataView, offset: number): number;
  /** The typed field that holds the values when raw_data does not. */
  field(tensor: TensorProto): ArrayLike<number | bigint>;
  /** What an element of the typed field stands for; the value itself by default. */
  readonly decode?: (element: number) => number;
}

const float64: Format = { type: "float", bytes: 8, raw: (v, o) => v.getFloat64(o, true), field: (t) => t.doubleData };
const int = (bytes: number, raw: Format["raw"], field: Format["field"] = (t) => t.int32Data): Format => ({ type: "int", bytes, raw, field });

const FORMATS: Readonly<Partial<Record<DataType, Format>>> = {
  [DataType.FLOAT]: { type: "float", bytes: 4, raw: (v, o) => v.getFloat32(o, true), field: (t) => t.floatData },
  [DataType.DOUBLE]: float64,
  [DataType.FLOAT16]: { type: "float", bytes: 2, raw: (v, o) => halfToNumber(v.getUint16(o, true)), field: (t) => t.int32Data, decode: halfToNumber },
  [DataType.BFLOAT16]: { type: "float", bytes: 2, raw: (v, o) => bfloatToNumber(v.getUint16(o, true)), field: (t) => t.int32Data, decode: bfloatToNumber },
  [DataType.INT8]: int(1, (v, o) => v.getInt8(o)),
  [DataType.UINT8]: int(1, (v, o) => v.getUint8(o)),
  [DataType.INT16]: int(2, (v, o) => v.getInt16(o, true)),
  [DataType.UINT16]: int(2, (v, o) => v.getUint16(o, true)),
  [DataType.INT32]: int(4, (v, o) => v.getInt32(o, true)),
  [DataType.UINT32]: int(4, (v, o) => v.getUint32(o, true), (t) => t.uint64Data),
  [DataType.INT64]: int(8, (v, o) => Number(v.getBigInt64(o, true)), (t) => t.int64Data),
  [DataType.UINT64]: int(8, (v, o) => Number(v.getBigUint64(o, true)), (t) => t.uint64Data),
  [DataType.BOOL]: { type: "bool", bytes: 1, raw: (v, o) => (v.getUint8(o) === 0 ? 0 : 1), field: (t) => t.int32Data, decode: (e) => (e === 0 ? 0 : 1) },
};

const MAX_RANK = 8;

/** Name of an element type of the format; "undefined" for numbers that it does not know. */
export function typeName(type: number): string { return (DataType[type] ?? "undefined").toLowerCase(); }
export function elementType(type: number): ElementType | undefined { return FORMATS[type as DataType]?.type; }

/**
 * The values of a tensor; f32 ones are a view of the file where it has them at a multiple of four bytes.
 *
 * @param where names the tensor in errors.
 * @throws AppError MODEL_UNSUPPORTED for values in another file and element types without numbers; WEIGHTS_CORRUPT when
 *   shape and values do not fit.
 */
export function readTensor(tensor: TensorProto, where: string): StoredConstant {
  const name = `tensor ${clip(where)}`;
  if (tensor.dataLocation === TensorProto_DataLocation.EXTERNAL || tensor.externalData.length > 0) {
    throw unsupported(undefined, `${name}: expected its values inside the file, got a reference to another file; save the model in one file (onnx.save_model with save_as_external_data=False)`);
  }
  const format = FORMATS[tensor.dataType as DataType];
  if (!format) throw unsupported(undefined, `${name}: expected floating-point, integer or boolean values, got ${typeName(tensor.dataType ?? 0)}; convert the model to float32`);
  if (tensor.segment) throw unsupported(undefined, `${name}: expected a whole tensor, got a segment; save the model anew`);
  const shape = tensor.dims.map(Number);
  if (shape.length > MAX_RANK || shape.some((side) => !Number.isSafeInteger(side) || side < 0)) throw damaged(`${name}: expected at most ${MAX_RANK} sides ≥ 0, got [${clip(shape.join(", "))}]`);
  const count = volume(shape);
  const data = tensor.rawData.length > 0 || count === 0 ? fromRaw(tensor, format, count, name) : fromField(tensor, format, count, name);
  return { type: format.type, shape, data, storedAs: typeName(tensor.dataType) };
}

function fromRaw({ rawData, dataType }: TensorProto, format: Format, count: number, name: string): Constant["data"] {
  if (rawData.length !== count * format.bytes) throw damaged(`${name}: expected ${count * format.bytes} bytes of values, got ${rawData.length}`);
  if (dataType === DataType.FLOAT) return float32View(rawData);
  const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  const data = format.type === "float" && format !== float64 ? new Float32Array(count) : new Float64Array(count);
  for (let i = 0; i < count; i++) data[i] = format.raw(view, i * format.bytes);
  return data;
}

function fromField(tensor: TensorProto, format: Format, count: number, name: string): Constant["data"] {
  const elements = format.field(tensor);
  if (elements.length !== count) throw damaged(`${name}: expected ${count} values, got ${elements.length}`);
  const data = format.type === "float" && format !== float64 ? new Float32Array(count) : new Float64Array(count);
  const { decode = (element: number) => element } = format;
  for (let i = 0; i < count; i++) data[i] = decode(Number(elements[i]));
  return data;
}

/** Typed arrays need aligned bytes; a copy is made where the file has others. */
function float32View(bytes: Uint8Array): Float32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}
