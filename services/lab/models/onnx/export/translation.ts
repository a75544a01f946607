import type { Node, Operation, OperationOf, Shape } from "../../../../engine/graph/graph.ts";
import type { OnnxWriter } from "./writer.ts";

/** One operation of a forward graph, about to be written. */
export interface Translation<O extends Operation = Operation> {
  readonly writer: OnnxWriter;
  readonly operation: O;
  /** Names of the operands. */
  readonly inputs: readonly string[];
  readonly inputNodes: readonly Node[];
  readonly shape: Shape;
  /** Name that the result must have. */
  readonly output: string;
  /** Index of the axis of the result that grows with the batch; −1: none does. */
  readonly batchAxis: number;
  /** Name of the batch size, [1] int64. */
  batch(): string;
}

/** Writes nodes whose last result has the name `output`. */
export type Translate<O extends Operation["op"]> = (translation: Translation<OperationOf<O>>) => void;
export type Translations = { readonly [O in Operation["op"]]?: Translate<O> };
