import { elements } from "../../gpu/tensor.ts";
import type { Operation, OperationOf, Shape } from "../../graph/graph.ts";
import type { Nchw } from "../../reference/norm/channels.ts";

/** What the rules of several families ask of shapes. */

/** Features are activations of one pixel. */
export function nchw(shape: Shape): Nchw { return { n: shape[0]!, c: shape[1]!, h: shape[2] ?? 1, w: shape[3] ?? 1 }; }
export function nk(shape: Shape): { n: number; k: number } { return { n: shape[0]!, k: elements(shape) / shape[0]! }; }

/** The attributes of an operation that the caller knows. */
export function as<O extends Operation["op"]>(operation: Operation, _: O): OperationOf<O> { return operation as OperationOf<O>; }
