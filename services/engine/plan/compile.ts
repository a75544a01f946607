import { EngineError } from "../errors.ts";
import type { Gpu, Scope } from "../gpu/device.ts";
import type { Step } from "../gpu/kernel.ts";
import { copy } from "../gpu/program.ts";
import { bufferBytes, type Tensor, TEXTURE_ROW_BYTES, textureRows } from "../gpu/tensor.ts";
import type { Graph, LeafOperation, Mode, Operation, Value } from "../graph/graph.ts";
import { ancestors } from "../graph/rewrite.ts";
import { nodeMacs } from "./flops.ts";
import { type Fusion, fuse, readersOf } from "./fuse.ts";
import { broadcastRules } from "./lower-broadcast.ts";
import { convolutionRules } from "./lower-convolution.ts";
import { elementwiseRules } from "./lower-elementwise.ts";
import { groupNormRules } from "./lower-group-norm.ts";
import { lossRules } from "./lower-loss.ts";
import { matMulRules } from "./lower-matmul.ts";
import { normRules } from "./lower-norm.ts";
import { poolRules } from "./lower-pool.ts";
import { shapeRules } from "./lower-shape.ts";
import { softmaxRules } from "./lower-softmax.ts";
import { at, Lowering, type LoweringRules, type Unit } from "./lowering.ts";
import { type Access, Block, type MemoryPlan, place, placeTextures, type TextureSlot } from "./memory.ts";
import type { NetworkParameters } from "./parameters.ts";
import { withRelayouts } from "./relayout.ts";
import { splitLinears } from "./split-linear.ts";
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
  /** Where a value of `keep` lies after the body ran; laid out as graph/physical.ts keptLayout says. @throws EngineError SHAPE_MISMATCH for any other value. */
  output(value: Value): Tensor;
  /** Where everything lies: for tests and logs. */
  readonly memory: MemoryPlan;
  readonly workspaceBytes: number;
  /** Multiply-adds of one run of the body, in logical channels. */
  readonly macs: number;
}

const RULES: LoweringRules<Exclude<Operation, LeafOperation>> & Partial<LoweringRules<LeafOperation>> = { ...convolutionRules, ...matMulRules, ...normRules, ...groupNormRules, ...elementwiseRules, ...broadcastRules, ...poolRules, ...shapeRules, ...softmaxRules, ...lossRules };

/**
 * Compiles a graph for the device: operands brought to the layouts that their readers want, dead nodes dropped, chains fused
 * into one kernel, values in shared memory by lifetime.
 *
 * @throws EngineError SHAPE_MISMATCH when tensors, parameters and graph do not fit; OUT_OF_MEMORY.
 */
export function compilePlan(gpu: Gpu, scope: Scope, network: Graph, parameters: NetworkParameters, options: PlanOptions): Plan {
  const { keep: wanted, workspace = new Workspace(scope) } = options;
  const { lowering, live, kept } = lowerGraph(gpu, scope, network, parameters, options);
  const { graph } = lowering.input;
  const { memory, textures } = layOut(lowering, wanted.map(kept), gpu.tensorLimit);
  allocateLasting(scope, lowering.prologue);
  allocate(workspace, memory);
  allocateTextures(workspace, textures);
  const outputs = new Map(wanted.map((value) => [value, at(lowering.block(kept(value)))]));
  return {
    prologue: stepsOf(lowering.prologue),
    body: stepsOf(lowering.body),
    output: (value) => outputs.get(value) ?? notKept(value),
    memory,
    workspaceBytes: memory.arenas.reduce((sum, bytes) => sum + bytes, 0) + textures.reduce((sum, { bytes }) => sum + bytes, 0),
    macs: [...live].reduce((sum, value) => sum + nodeMacs(graph, graph.nodes[value]!), 0),
  };
}

/** What a plan would take of the device, beside its image, labels and parameters. */
export interface PlanSize {
  readonly bytes: number;
  /** The tensor that must fit a buffer, if all do. */
  readonly largest: Block;
}

/** The size of the plan that compilePlan would make of the same: nothing is allocated but its constants, in `scope`. */
export function measurePlan(gpu: Gpu, scope: Scope, network: Graph, parameters: NetworkParameters, options: PlanOptions): PlanSize {
  const { lowering, kept } = lowerGraph(gpu, scope, network, parameters, options);
  const units = [...lowering.prologue, ...lowering.body];
  const largest = units.flatMap(({ writes, scratch }) => [...writes, ...scratch]).reduce((a, b) => (b.bytes > a.bytes ? b : a));
  const { memory, textures, lasting } = layOut(lowering, options.keep.map(kept), Math.max(gpu.tensorLimit, largest.bytes));
  const lastingTextures = lowering.prologue.flatMap((unit) => (unit.textures ?? []).map(({ block }) => block));
  const sizes = [...memory.arenas, ...[...lasting].map((block) => bufferBytes(4 * block.elements)), ...[...textures, ...lastingTextures].map(({ bytes }) => textureRows(bytes) * TEXTURE_ROW_BYTES)];
  return { bytes: sizes.reduce((sum, bytes) => sum + bytes, 0), largest };
}

interface Lowered { readonly lowering: Lowering; readonly live: ReadonlySet<Value>; /** Where a value of `keep` is found in the lowered graph. */ kept(value: Value): Value }

function lowerGraph(gpu: Gpu, scope: Scope, network: Graph, parameters: NetworkParameters, { mode, image, labels, keep: wanted, gradientsInto: wantedGradients = new Map() }: PlanOptions): Lowered {
  const split = splitLinears(network, wantedGradients, gpu.tensorLimit);
  const { graph, layouts, kept: keptOf, gradientsInto } = withRelayouts(split.graph, wanted.map(split.renamed), split.gradientsInto);
  const kept = (value: Value): Value => keptOf(split.renamed(value));
  const keep = wanted.map(kept);
  const stored = new Set<Value>([...keep, ...gradientsInto.values()]);
  const live = ancestors(graph, stored);
  if (mode === "train") refuseFolded(graph, live);
  const fusion = fuse(graph, live, stored);
  const gradientOf = directGradients(graph, gradientsInto, readersOf(graph, live));
  const lowering = new Lowering({ gpu, scope, graph, layouts, fusion, mode, parameters, image, labels, gradientOf });
  for (const value of [...live].sort((a, b) => a - b)) lower(lowering, fusion, value);
  copyGradients(lowering, gradientsInto, gradientOf);
  return { lowering, live, kept };
}

interface MemoryLayout { readonly memory: MemoryPlan; readonly textures: readonly TextureSlot[]; /** What the prologue makes: it outlives the plan's use of the workspace. */ readonly lasting: ReadonlySet<Block> }

/** Finds room in the workspace for everything that does not last. */
function layOut(lowering: Lowering, keep: readonly Value[], limit: number): MemoryLayout {
  const { prologue, body } = lowering;
  const lasting = new Set(prologue.flatMap(({ writes }) => writes.filter(({ tensor }) => !tensor)));
  const lastingTextures = new Set(prologue.flatMap(({ textures = [] }) => textures));
  const passing = (blocks: readonly Block[]): Block[] => blocks.filter((each) => !lasting.has(each));
  const units = [...prologue, ...body].map((unit): Access => ({ reads: passing(unit.reads), writes: passing(unit.writes), scratch: unit.scratch }));
  return {
    memory: place(units, new Set(keep.map((value) => lowering.block(value))), limit),
    textures: placeTextures(body.map((unit) => ({ ...unit, textures: (unit.textures ?? []).filter((each) => !lastingTextures.has(each)) })), new Set()),
    lasting,
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

/** What lasts has memory of its own. */
function allocateLasting(scope: Scope, prologue: readonly Unit[]): void {
  for (const { writes, textures = [] } of prologue) {
    for (const block of writes) block.tensor ??= scope.tensor(block.label, block.shape);
    for (const each of textures) each.texture ??= scope.texture(each.block.label, each.block.bytes);
  }
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
