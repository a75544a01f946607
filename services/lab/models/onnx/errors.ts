import { AppError } from "../../../common/errors.ts";

/** What a message needs to point at a node. */
export interface NodeLabel { readonly name: string; readonly op: string }

/** The file is a whole ONNX model, but not one that Lorenz can run. `problem` has the form: expected X, got Y; what to do. */
export function unsupported(node: NodeLabel | undefined, problem: string, options?: ErrorOptions): AppError {
  const where = node === undefined ? "onnx" : `onnx, node ${clip(node.name)} (${clip(node.op)})`;
  return new AppError("MODEL_UNSUPPORTED", `${where}: ${problem}`, node === undefined ? {} : { node: clip(node.name), operator: clip(node.op) }, options);
}

/** The bytes are no ONNX model, or a damaged one. */
export function damaged(problem: string, options?: ErrorOptions): AppError {
  return new AppError("WEIGHTS_CORRUPT", `onnx: ${problem}`, {}, options);
}

/** Names come from the file: a message must not carry megabytes of them. */
export function clip(text: string, length = 120): string {
  return text.length <= length ? text : `${text.slice(0, length)}…`;
}
