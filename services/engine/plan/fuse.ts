import type { Graph, Operation, Value } from "../graph/graph.ts";

/** A node with those after it that its kernel can finish in the same pass. */
export interface Chain {
  readonly base: Value;
  /** The node whose value the pass writes. */
  readonly final: Value;
  readonly residual: Value | undefined;
  readonly relu: boolean;
  /** The ReLU's output whose gradient the pass takes. */
  readonly mask: Value | undefined;
}

export interface Fusion {
  /** By final value. */
  readonly chains: ReadonlyMap<Value, Chain>;
  /** Values inside a chain, which are never stored. */
  readonly absorbed: ReadonlySet<Value>;
}

type Link = "add" | "relu" | "reluGrad";

/** What the kernels of an operation can finish; residual comes before ReLU or mask. */
const FINISHES: Partial<Record<Operation["op"], readonly Link[]>> = {
  conv2d: ["add", "relu", "reluGrad"], // a gradient too, of its transpose
  convTranspose2d: ["add", "relu"],
  linear: ["add", "relu"],
  batchNorm: ["add", "relu"],
  conv2dGradInput: ["add", "reluGrad"],
  linearGradInput: ["add", "reluGrad"],
  maxPoolGrad: ["reluGrad"], // of its own input: the pooling reads it anyway
};

/**
 * Finds the chains base → (+ residual)? → relu? or reluGrad?, where each link is read by the next alone and by nobody
 * else. flatten and unflatten are transparent: they change no byte.
 *
 * @param live what the plan computes; the rest does not count as a reader.
 * @param keep values that must be stored.
 */
export function fuse(graph: Graph, live: ReadonlySet<Value>, keep: ReadonlySet<Value>): Fusion {
  const readers = readersOf(graph, live);
  const chains = new Map<Value, Chain>();
  const absorbed = new Set<Value>();
  const claimed = new Set<Value>();
  // Latest first: of two convolutions that are added, the one computed last then takes the other as residual.
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const base = i as Value;
    const finishes = FINISHES[graph.nodes[base]!.operation.op];
    if (!live.has(base) || !finishes) continue;
    const { chain, links } = follow(graph, base, finishes, readers, keep, claimed);
    chains.set(chain.final, chain);
    for (const link of links) { claimed.add(link); if (link !== chain.final) absorbed.add(link); }
  }
  return { chains, absorbed };
}

function follow(graph: Graph, base: Value, finishes: readonly Link[], readers: ReadonlyMap<Value, readonly Value[]>, keep: ReadonlySet<Value>, claimed: ReadonlySet<Value>): { chain: Chain; links: Value[] } {
  const links = [base];
  let final = base;
  let length = 1; // links up to the last one that does arithmetic: an alias at the end stays an alias
  let residual: Value | undefined;
  let relu = false;
  let mask: Value | undefined;
  for (let at = base; !relu && mask === undefined && !keep.has(at) && readers.get(at)?.length === 1;) {
    const next = readers.get(at)![0]!;
    const { operation: { op }, inputs } = graph.nodes[next]!;
    if (claimed.has(next)) break;
    const alias = op === "flatten" || op === "unflatten";
    if (!alias && !finishes.includes(op as Link)) break;
    if (op === "add" && residual === undefined) residual = inputs[0] === at ? inputs[1]! : inputs[0]!;
    else if (op === "relu") relu = true;
    else if (op === "reluGrad" && inputs[0] === at && canMask(graph, base, inputs[1]!)) mask = inputs[1]!;
    else if (!alias) break;
    links.push(next);
    at = next;
    if (!alias) { final = next; length = links.length; }
  }
  return { chain: { base, final, residual, relu, mask }, links: links.slice(0, length) };
}

/** Whether the kernels of `base` can take the gradient of the ReLU that returned `mask`. */
function canMask(graph: Graph, base: Value, mask: Value): boolean {
  const { operation, inputs } = graph.nodes[base]!;
  return operation.op !== "maxPoolGrad" || inputs[1] === mask;
}

/** Who reads each value, once per operand: x + x reads x twice. */
export function readersOf(graph: Graph, live: ReadonlySet<Value>): Map<Value, Value[]> {
  const readers = new Map<Value, Value[]>();
  graph.nodes.forEach(({ inputs }, i) => {
    if (live.has(i as Value)) for (const input of inputs) readers.set(input, [...(readers.get(input) ?? []), i as Value]);
  });
  return readers;
}
