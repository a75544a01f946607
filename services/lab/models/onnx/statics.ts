import { Attributes } from "./attributes.ts";
import { Budget } from "./budget.ts";
import type { Constant } from "./constant.ts";
import { clip, damaged } from "./errors.ts";
import { folds } from "./fold/table.ts";
import type { OnnxModel, OnnxNode } from "./model.ts";

/** Elements that folding may read and make beyond the model's weights: shapes and tables need thousands. */
export const FOLDED_ELEMENTS = 1 << 24;

/** A model with everything computed that depends neither on the image nor on its shape. */
export interface StaticModel {
  readonly opset: number;
  readonly input: string;
  readonly output: string;
  /** Initialisers, constants, and what is made of them alone. */
  readonly constants: ReadonlyMap<string, Constant>;
  /** Names among them that are weights, or made of weights. */
  readonly weights: ReadonlySet<string>;
  /** What is left to do, in order. */
  readonly nodes: readonly OnnxNode[];
  /** Tensors that anything reads: nodes may have outputs that nothing does. */
  readonly read: ReadonlySet<string>;
}

/**
 * Done once per model, so that building its graph for a batch size costs no arithmetic on weights. Nodes that nothing
 * leads from to `output` are dropped.
 *
 * @throws AppError MODEL_UNSUPPORTED naming a node that cannot be computed; WEIGHTS_CORRUPT for one with more outputs than its operator has.
 */
export function foldStatics({ opset, input, initialisers }: Pick<OnnxModel, "opset" | "initialisers"> & { readonly input: string }, nodes: readonly OnnxNode[], output: string): StaticModel {
  const constants = new Map<string, Constant>(initialisers);
  const weights = new Set(initialisers.keys());
  const elements = [...initialisers.values()].reduce((sum, { data }) => sum + data.length, 0);
  const budget = new Budget(FOLDED_ELEMENTS + 8 * elements, "elements of constants to compute");
  const limit = FOLDED_ELEMENTS + elements;
  const rest: OnnxNode[] = [];
  for (const node of alive(nodes, output)) {
    const made = foldNode(node, node.inputs.map((name) => constants.get(name)), { opset, budget, limit });
    if (!made) { rest.push(node); continue; }
    node.outputs.forEach((name, i) => {
      if (name === "") return;
      const tensor = made[i];
      if (!tensor) throw damaged(`node ${clip(node.name)} (${clip(node.op)}): expected at most ${made.length} outputs, got ${node.outputs.length}; export the model again`);
      constants.set(name, tensor);
      if (tensor.type === "float" && node.inputs.some((from) => weights.has(from))) weights.add(name);
    });
  }
  return { opset, input, output, constants, weights, nodes: rest, read: new Set([output, ...rest.flatMap(({ inputs, captures }) => [...inputs, ...captures])]) };
}

/** What bounds the folding of one model. */
export interface FoldLimits { readonly opset: number; readonly budget: Budget; /** Of one tensor. */ readonly limit: number }

/** The node's outputs, if it can be computed and all its inputs are known; undefined otherwise. */
export function foldNode(node: OnnxNode, inputs: readonly (Constant | undefined)[], { opset, budget, limit }: FoldLimits): readonly Constant[] | undefined {
  const fold = folds.get(node.op);
  if (!fold || node.inputs.some((name, i) => name !== "" && inputs[i] === undefined)) return undefined;
  const attributes = new Attributes(node, node.attributes);
  const made = fold({ node, opset, attributes, inputs, outputCount: node.outputs.length, limit });
  attributes.finish();
  const outputs = "shape" in made ? [made] : made;
  const fresh = outputs.filter(({ data }) => !inputs.some((input) => input?.data === data)); // a reshape costs nothing
  if (fresh.length > 0) budget.take([...inputs, ...fresh].reduce((sum, tensor) => sum + (tensor?.data.length ?? 0), 0), node);
  return outputs;
}

function alive(nodes: readonly OnnxNode[], output: string): readonly OnnxNode[] {
  const wanted = new Set([output]);
  return nodes.toReversed().filter(({ inputs, captures, outputs }) => {
    const used = outputs.some((name) => wanted.has(name));
    if (used) for (const name of [...inputs, ...captures]) wanted.add(name);
    return used;
  }).reverse();
}
