import { TensorProto_DataType as DataType } from "../proto/onnx.ts";

/** Targets of a Cast. */
export const TO_FLOAT: number = DataType.FLOAT;
export const TO_BOOL: number = DataType.BOOL;
