import type { Gpu, Scope } from "../../services/engine/gpu/device.ts";
import { Program } from "../../services/engine/gpu/program.ts";
import type { Tensor } from "../../services/engine/gpu/tensor.ts";
import type { Graph, Mode, Value } from "../../services/engine/graph/graph.ts";
import { layoutsOf } from "../../services/engine/graph/inference.ts";
import { keptLayout, type Layout, unpack } from "../../services/engine/graph/physical.ts";
import { compilePlan, type Plan } from "../../services/engine/plan/compile.ts";
import { NetworkParameters, type ParameterOptions } from "../../services/engine/plan/parameters.ts";
import { uploadF32, uploadU32 } from "./gpu.ts";
import { type Leaves, nameOf } from "./networks.ts";

/** Parameters of the graph on the device, with the leaves' values. */
export function parametersOn(scope: Scope, graph: Graph, { parameters, states }: Pick<Leaves, "parameters" | "states">, options?: ParameterOptions): NetworkParameters {
  const made = new NetworkParameters(scope, graph, options);
  const values = new Map([...parameters, ...states]);
  made.load(new Map(made.entries.filter(({ leaf }) => leaf.op !== "frozen").map(({ name, shape }) => [name, { shape, data: Float32Array.from(values.get(name)!) }])));
  return made;
}

export interface RunOptions { readonly mode: Mode; readonly keep: readonly Value[]; readonly gradientsInto?: ReadonlyMap<Value, Value> }

export function compileFor(gpu: Gpu, scope: Scope, graph: Graph, parameters: NetworkParameters, leaves: Leaves, options: RunOptions): Plan {
  return compilePlan(gpu, scope, graph, parameters, { ...options, image: uploadF32(scope, "image", leaves.image), labels: uploadU32(scope, "labels", leaves.labels) });
}

/** Runs prologue and body `times` times. */
export async function runPlan(gpu: Gpu, plan: Plan, times = 1): Promise<void> {
  const program = await Program.prepare(gpu, "test", [...plan.prologue, ...plan.body]);
  for (let i = 0; i < times; i++) program.run();
  program.dispose();
}

/** A value in its logical shape, after checking that all padding is 0. */
export async function readValue(gpu: Gpu, graph: Graph, tensor: Tensor, value: Value): Promise<Float32Array> {
  const { shape } = graph.nodes[value]!;
  return readLogical(gpu, tensor, keptLayout(layoutsOf(graph)[value]!, shape), shape);
}

export async function readGradient(gpu: Gpu, graph: Graph, parameters: NetworkParameters, parameter: Value): Promise<Float32Array> {
  return readLogical(gpu, parameters.gradientSlice(nameOf(graph, parameter)), layoutsOf(graph)[parameter]!, graph.nodes[parameter]!.shape);
}

async function readLogical(gpu: Gpu, tensor: Tensor, layout: Layout, shape: readonly number[]): Promise<Float32Array> {
  const physical = await gpu.readF32(tensor);
  const logical = unpack(layout, shape, physical);
  // Every non-zero physical number must be one of the logical ones: padding lanes are 0.
  const stray = countNonZero(physical) - countNonZero(logical);
  if (stray !== 0) throw new Error(`${tensor.label}: ${stray} padding lanes are not 0`);
  return logical;
}

function countNonZero(values: Float32Array): number { return values.reduce((count, v) => count + Number(v !== 0), 0); }
