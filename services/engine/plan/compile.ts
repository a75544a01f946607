import { EngineError } from "../errors.ts";
import type { Gpu, Scope } from "../gpu/device.ts";
import type { Step } from "../gpu/kernel.ts";
import { copy } from "../gpu/program.ts";
import type { Tensor } from "../gpu/tensor.ts";
import type { Graph, LeafOp, Mode, Operation, Value } from "../graph/graph.ts";
import { layoutsOf } from "../graph/physical.ts";
import { ancestors } from "../graph/rewrite.ts";
import { nodeMacs } from "./flops.ts";
import { type Fusion, fuse, readersOf } from "./fuse.ts";
import { convolutionRules } from "./lower-convolution.ts";
import { normRules } from "./lower-norm.ts";
import { otherRules } from "./lower-rest.ts";
import { at, Lowering, type Rule, type Unit } from "./lowering.ts";
import { Block, type MemoryPlan, place, placeTextures, type TextureSlot } from "./memory.ts";
import type { NetworkParameters } from "./parameters.ts";
import { Workspace } from "./workspace.ts";

export interface PlanOptions {
  /** "train": batch norm uses the batch's statistics, and every run of the body moves the running ones once. */
  readonly mode: Mode;
  /** [n, c·h·w] f32 in [0, 1]; read by every run. */
  readonly image: Tensor;
  /** [n] u32; needed when the graph reads labels. */
  readonly labels?: Tensor;
  /** Values to compute and leave in memory after a run. */
  readonly keep: readonly Value[];
  /** Parameter → its gradient, from differentiate: these are computed too, into `parameters.gradients`. */
  readonly gradientsInto?: ReadonlyMap<Value, Value>;
  /** Where intermediate values lie, `keep` among them: gone when another plan of the workspace runs. Default: memory of the plan's own. */
  readonly workspace?: Workspace;
}

/** A graph made ready for one batch size: plain steps for a Program. Its memory belongs to the scope it was compiled in. */
export interface Plan {
  /** What depends on parameters only (folded and transposed weights): run before the body after every change of them. */
  readonly prologue: readonly Step[];
  readonly body: readonly Step[];
  /** Where a value of `keep` lies after the body ran; physical layout (graph/layout.ts). @throws EngineError SHAPE_MISMATCH for any other value. */
  output(value: Value): Tensor;
  /** Where everything lies: for tests and logs. */
  readonly memory: MemoryPlan;
  readonly workspaceBytes: number;
  /** Multiply-adds of one run of the body, in logical channels. */
  readonly macs: number;
}

const RULES: Record<Exclude<Operation["op"], LeafOp>, Rule> & Partial<Record<LeafOp, Rule>> = { ...convolutionRules, ...normRules, ...otherRules };

/**
 * Compiles a graph for the device: dead nodes dropped, chains fused into one kernel, values in shared memory by lifetime.
 *
 * @throws EngineError SHAPE_MISMATCH when tensors, parameters and graph do not fit; OUT_OF_MEMORY.
 */
export function compilePlan(gpu: Gpu, scope: Scope, graph: Graph, parameters: NetworkParameters, { mode, image, labels, keep, gradientsInto = new Map(), workspace = new Workspace(scope) }: PlanOptions): Plan {
  const stored = new Set<Value>([...keep, ...gradientsInto.values()]);
  const live = ancestors(graph, stored);
  if (mode === "train") refuseFolded(graph, live);
  const fusion = fuse(graph, live, stored);
  const gradientOf = directGradients(graph, gradientsInto, readersOf(graph, live));
  const lowering = new Lowering({ gpu, scope, graph, layouts: layoutsOf(graph), fusion, mode, parameters, image, labels, gradientOf });
  for (const value of [...live].sort((a, b) => a - b)) lower(lowering, fusion, value);
  copyGradients(lowering, gradientsInto, gradientOf);

  allocateLasting(scope, lowering.prologue);
  const memory = place([...lowering.prologue, ...lowering.body], new Set(keep.map((value) => lowering.block(value))), Math.min(gpu.limits.maxBufferSize, gpu.limits.maxStorageBufferBindingSize));
  allocate(workspace, memory);
  const textures = placeTextures(lowering.body.map(withoutLasting), new Set());
  allocateTextures(workspace, textures);
  const outputs = new Map(keep.map((value) => [value, at(lowering.block(value))]));
  return {
    prologue: stepsOf(lowering.prologue),
    body: stepsOf(lowering.body),
    output: (value) => outputs.get(value) ?? notKept(value),
    memory,
    workspaceBytes: memory.arenas.reduce((sum, bytes) => sum + bytes, 0) + textures.reduce((sum, { bytes }) => sum + bytes, 0),
    macs: [...live].reduce((sum, value) => sum + nodeMacs(graph, graph.nodes[value]!), 0),
  };
}

function lower(lowering: Lowering, { chains, absorbed }: Fusion, value: Value): void {
  if (absorbed.has(value)) return;
  const base = chains.get(value)?.base ?? value; // a chain is lowered by its first operation, where its last one stands
  RULES[lowering.node(base).operation.op]?.(lowering, value); // a leaf has no rule: its block is there when something reads it
}

/** Gradients that can be written where they belong: those of one parameter that nothing else reads. The others are copied. */
function directGradients(graph: Graph, gradients: ReadonlyMap<Value, Value>, readers: ReadonlyMap<Value, readonly Value[]>): Map<Value, string> {
  const direct = new Map<Value, string>();
  const all = [...gradients.values()];
  for (const [parameter, gradient] of gradients) {
    const shared = all.filter((other) => other === gradient).length > 1 || readers.has(gradient);
    if (!shared) direct.set(gradient, parameterName(graph, parameter));
  }
  return direct;
}

function copyGradients(lowering: Lowering, gradients: ReadonlyMap<Value, Value>, direct: ReadonlyMap<Value, string>): void {
  const { graph, parameters } = lowering.input;
  for (const [parameter, gradient] of gradients) {
    if (direct.has(gradient)) continue;
    const name = parameterName(graph, parameter);
    const from = lowering.block(gradient);
    const slice = parameters.gradientSlice(name);
    const to = new Block(`gradient of ${name}`, slice.shape, slice);
    lowering.emit(`copy gradient of ${name}`, { reads: [from], writes: [to] }, () => [copy(at(from), at(to))]);
  }
}

function parameterName(graph: Graph, value: Value): string {
  const { operation } = graph.nodes[value]!;
  if (operation.op !== "parameter") throw new EngineError("SHAPE_MISMATCH", `plan: expected gradientsInto to name trained parameters, got ${operation.op} (value ${value}); put other gradients in keep`);
  return operation.name;
}

function refuseFolded(graph: Graph, live: ReadonlySet<Value>): void {
  if (graph.nodes.some(({ operation: { op } }, i) => op === "foldWeight" && live.has(i as Value))) {
    throw new EngineError("SHAPE_MISMATCH", "plan: expected an unfolded graph in train mode, got one from foldBatchNorm; compile it with mode \"eval\"");
  }
}

/** What the prologue makes outlives the plan's use of the workspace: it has memory of its own. */
function allocateLasting(scope: Scope, prologue: readonly Unit[]): void {
  for (const { writes, textures = [] } of prologue) {
    for (const block of writes) block.tensor ??= scope.tensor(block.label, block.shape);
    for (const each of textures) each.texture ??= scope.texture(each.block.label, each.block.bytes);
  }
}

function withoutLasting(unit: Unit): Unit {
  return { ...unit, textures: (unit.textures ?? []).filter(({ texture }) => !texture) };
}

function allocate(workspace: Workspace, { placements, arenas }: MemoryPlan): void {
  const buffers = workspace.buffers(arenas);
  for (const { block, arena, offset } of placements) {
    block.tensor = { buffer: buffers[arena]!, offset, bytes: block.elements * 4, shape: block.shape, dtype: "f32", label: block.label };
  }
}

function allocateTextures(workspace: Workspace, slots: readonly TextureSlot[]): void {
  const textures = workspace.textures(slots.map(({ bytes }) => bytes));
  slots.forEach(({ holds }, i) => { for (const each of holds) each.texture = textures[i]!; });
}

function stepsOf(units: readonly Unit[]): Step[] { return units.flatMap(({ steps }) => steps()); }

function notKept(value: Value): never {
  throw new EngineError("SHAPE_MISMATCH", `plan: expected a value of keep, got ${value}`, { value });
}
