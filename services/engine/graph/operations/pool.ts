import { poolGeometry, type PoolKind } from "../../kernels/pool/geometry.ts";
import { pair, type Pair, sides, type Sides } from "../../kernels/window.ts";
import { requireRank } from "../check.ts";
import type { GraphBuilder, Shape, Value } from "../graph.ts";
import { attributes, type GradientRules, inputOf, shapeOfInput } from "../tape.ts";

interface Window { readonly window: Pair; readonly stride: Pair; readonly padding: Sides; readonly ceilMode: boolean }
interface MaxWindow extends Window { readonly dilation: Pair }
interface AverageWindow extends Window { readonly countIncludePad: boolean }

export type PoolOperation =
  | ({ readonly op: "maxPool" } & MaxWindow) // x
  | ({ readonly op: "averagePool" } & AverageWindow) // x
  | { readonly op: "globalAveragePool" } // x → [n, c, 1, 1]
  // gradients
  | ({ readonly op: "maxPoolGrad" } & MaxWindow) // dy, x, y
  | ({ readonly op: "averagePoolGrad" } & AverageWindow) // dy
  | { readonly op: "globalAveragePoolGrad" }; // dy

/** Numbers stand for both axes or all four sides. */
interface PoolOptions {
  readonly window: number | Pair;
  /** Default: the window. */
  readonly stride?: number | Pair;
  /** Default 0. Every window must hold a cell of the image. */
  readonly padding?: number | Sides;
  /** Round the output sides up, as long as the last window starts in the image or the padding before it. Default false. */
  readonly ceilMode?: boolean;
}
export interface MaxPoolOptions extends PoolOptions {
  /** From one cell of a window to the next. Default 1. */
  readonly dilation?: number | Pair;
}
export interface AveragePoolOptions extends PoolOptions {
  /** Divide by the window's cells inside the image and its padding, or by those inside the image alone. Default true, as PyTorch. */
  readonly countIncludePad?: boolean;
}

export function maxPool(graph: GraphBuilder, x: Value, { dilation = 1, ...options }: MaxPoolOptions): Value {
  const attributes = { ...windowOf(options), dilation: pair(dilation) };
  return graph.push({ op: "maxPool", ...attributes }, [x], pooled(graph, "maxPool", x, attributes));
}

export function averagePool(graph: GraphBuilder, x: Value, { countIncludePad = true, ...options }: AveragePoolOptions): Value {
  const attributes = { ...windowOf(options), countIncludePad };
  return graph.push({ op: "averagePool", ...attributes }, [x], pooled(graph, "averagePool", x, attributes));
}

export function globalAveragePool(graph: GraphBuilder, x: Value): Value {
  const [n, c] = requireRank(graph, "globalAveragePool", x, 4);
  return graph.push({ op: "globalAveragePool" }, [x], [n!, c!, 1, 1]);
}

function windowOf({ window, stride = window, padding = 0, ceilMode = false }: PoolOptions): Window {
  return { window: pair(window), stride: pair(stride), padding: sides(padding), ceilMode };
}

function pooled(graph: GraphBuilder, op: PoolKind, x: Value, window: Window): Shape {
  const [n, c, h, w] = requireRank(graph, op, x, 4) as [number, number, number, number];
  const { oh, ow } = poolGeometry(op, { n, c, h, w, ...window });
  return [n, c, oh, ow];
}

export const poolGradients = {
  maxPool: [(tape, y, dy) => tape.push({ ...attributes<"maxPool">(tape, y), op: "maxPoolGrad" }, [dy, inputOf(tape, y, 0), y], shapeOfInput(tape, y, 0))],
  averagePool: [(tape, y, dy) => tape.push({ ...attributes<"averagePool">(tape, y), op: "averagePoolGrad" }, [dy], shapeOfInput(tape, y, 0))],
  globalAveragePool: [(tape, y, dy) => tape.push({ op: "globalAveragePoolGrad" }, [dy], shapeOfInput(tape, y, 0))],
} satisfies GradientRules;
