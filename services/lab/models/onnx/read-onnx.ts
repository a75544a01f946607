import { fromBinary } from "@bufbuild/protobuf";

import { clip, damaged, type NodeLabel, unsupported } from "./errors.ts";
import type { Branch, OnnxModel, OnnxNode } from "./model.ts";
import { type GraphProto, type ModelProto, ModelProtoSchema, type NodeProto, TensorProto_DataType as DataType, type ValueInfoProto } from "./proto/onnx.ts";
import { structureBytes } from "./structure-limit.ts";
import { readTensor, type StoredConstant, typeName } from "./tensor-data.ts";

/** Opsets of the default domain whose operators the importer knows. */
export const OPSETS = { oldest: 9, newest: 21 } as const;

/** Everything but the values of tensors; the largest published image classifiers have a tenth. */
const MAX_STRUCTURE_BYTES = 4 << 20;

/** Floating-point types that an image may be declared in; the engine computes in f32. */
const IMAGE_TYPES: readonly number[] = [DataType.FLOAT, DataType.FLOAT16, DataType.DOUBLE, DataType.BFLOAT16];

/**
 * Reads an ONNX file as if it came from an enemy. Values of tensors stay views of `bytes` where they can.
 *
 * @throws AppError WEIGHTS_CORRUPT when the bytes are no model or contradict themselves; MODEL_UNSUPPORTED for opsets
 *   outside OPSETS, other domains, functions, sparse or external tensors, several inputs, and an input that is no image.
 */
export function readOnnx(bytes: Uint8Array): OnnxModel {
  const model = decode(bytes);
  const opset = opsetOf(model);
  const { graph } = model;
  if (!graph || graph.node.length === 0) throw damaged("expected a graph with nodes, got none; export the model again");
  if (model.functions.length > 0) throw unsupported(undefined, `expected a model without functions, got ${clip(model.functions[0]!.name)}; inline them (onnx.inliner.inline_local_functions)`);
  if (graph.sparseInitializer.length > 0) throw unsupported(undefined, "expected dense tensors, got sparse initialisers; store them densely");
  const initialisers = initialisersOf(graph);
  const input = inputOf(graph, initialisers);
  const outputs = graph.output.map(({ name }) => name);
  const nodes = graph.node.map(nodeOf);
  checkOrder(nodes, { names: new Set([...initialisers.keys(), input.name]) }, outputs);
  return { opset, input, outputs, initialisers, nodes };
}

function decode(bytes: Uint8Array): ModelProto {
  try {
    const structure = structureBytes(bytes);
    if (structure > MAX_STRUCTURE_BYTES) throw unsupported(undefined, `expected at most ${MAX_STRUCTURE_BYTES} bytes of nodes and names, got ${structure}; strip documentation and debugging texts from the model`);
    return fromBinary(ModelProtoSchema, bytes, { readUnknownFields: false });
  } catch (cause) {
    if ((cause as Error).name === "AppError") throw cause;
    throw damaged(`expected an ONNX model, got ${bytes.length} bytes that are none (${clip((cause as Error).message)})`, { cause });
  }
}

function opsetOf({ opsetImport }: ModelProto): number {
  const versions = opsetImport.filter(({ domain }) => isDefaultDomain(domain)).map(({ version }) => Number(version));
  if (versions.length !== 1) throw damaged(`expected one version of the standard operators, got ${versions.length}; export the model again`);
  const [opset] = versions as [number];
  if (opset < OPSETS.oldest || opset > OPSETS.newest) throw unsupported(undefined, `expected opset ${OPSETS.oldest} to ${OPSETS.newest}, got ${opset}; convert it (onnx.version_converter.convert_version) or export with opset_version=17`);
  return opset;
}

function isDefaultDomain(domain: string): boolean { return domain === "" || domain === "ai.onnx"; }

function initialisersOf({ initializer }: GraphProto): Map<string, StoredConstant> {
  const initialisers = new Map<string, StoredConstant>();
  for (const tensor of initializer) {
    if (tensor.name === "" || initialisers.has(tensor.name)) throw damaged(`expected distinct names of initialisers, got ${clip(JSON.stringify(tensor.name))} twice or empty`);
    initialisers.set(tensor.name, readTensor(tensor, tensor.name));
  }
  return initialisers;
}

/** Before IR version 4, initialisers had to be listed as inputs too. */
function inputOf({ input }: GraphProto, initialisers: ReadonlyMap<string, StoredConstant>): OnnxModel["input"] {
  const open = input.filter(({ name }) => !initialisers.has(name));
  if (open.length !== 1) throw unsupported(undefined, `expected one input, the images, got ${open.length} (${clip(open.map(({ name }) => name).join(", "))}); export a model of images alone`);
  return { name: open[0]!.name, sides: imageSides(open[0]!) };
}

function imageSides({ name, type }: ValueInfoProto): (number | undefined)[] {
  const refused = (got: string): Error => unsupported(undefined, `input ${clip(name)}: expected float images [n, c, h, w] of 1 or 3 channels, got ${got}; export the model with a 4-dimensional, channels-first image as its input`);
  if (type?.value.case !== "tensorType" || !type.value.value.shape) throw refused("an input without a shape");
  const { elemType, shape } = type.value.value;
  if (!IMAGE_TYPES.includes(elemType)) throw refused(`${typeName(elemType)} values`);
  const sides = shape.dim.map(({ value }) => (value.case === "dimValue" && value.value > 0n ? Number(value.value) : undefined)); // some exporters write −1 for an open side
  const channels = sides[1];
  if (sides.length !== 4 || (channels !== undefined && channels !== 1 && channels !== 3)) throw refused(`[${sides.map((side) => side ?? "?").join(", ")}]`);
  return sides;
}

function nodeOf(node: NodeProto, index: number): OnnxNode {
  const label = { name: node.name || node.output.find((output) => output !== "") || `number ${index}`, op: node.opType };
  if (!isDefaultDomain(node.domain)) throw unsupported(label, `expected an operator of the ONNX standard, got one of domain ${clip(node.domain)}; export without custom operators`);
  const parts = { ...label, inputs: node.input, outputs: node.output };
  if (node.opType !== "If") return { ...parts, attributes: node.attribute, captures: [] };
  const branches = { taken: branchOf(label, node, "then_branch"), otherwise: branchOf(label, node, "else_branch") };
  return { ...parts, attributes: [], branches, captures: [branches.taken, branches.otherwise].flatMap(({ nodes, outputs }) => [...nodes.flatMap(({ inputs, captures }) => [...inputs, ...captures]), ...outputs]) };
}

/** PyTorch writes a squeeze as If(side = 1), whose answer is known once the shapes are. */
function branchOf(label: NodeLabel, { attribute }: NodeProto, name: string): Branch {
  const graph = attribute.find((each) => each.name === name)?.g;
  if (!graph) throw damaged(`node ${clip(label.name)}: expected a graph in attribute ${name}, got none`);
  if (graph.initializer.length > 0 || graph.input.length > 0) throw unsupported(label, `expected a branch of nodes alone, got one with tensors or inputs of its own; export the model without control flow`);
  return { nodes: graph.node.map(nodeOf), outputs: graph.output.map((output) => output.name) };
}

/** Names that can be read, here or around. */
interface Scope { readonly names: Set<string>; readonly around?: Scope }

function isKnown(scope: Scope | undefined, name: string): boolean { return scope !== undefined && (scope.names.has(name) || isKnown(scope.around, name)); }

function checkOrder(nodes: readonly OnnxNode[], scope: Scope, outputs: readonly string[]): void {
  for (const { name, inputs, outputs: made, branches } of nodes) {
    for (const input of inputs) if (input !== "" && !isKnown(scope, input)) throw damaged(`node ${clip(name)}: expected its inputs to be made before it, got ${clip(input)} from nowhere; sort the nodes topologically`);
    for (const branch of branches ? [branches.taken, branches.otherwise] : []) checkOrder(branch.nodes, { names: new Set(), around: scope }, branch.outputs);
    for (const output of made) {
      if (output === "") continue;
      if (isKnown(scope, output)) throw damaged(`node ${clip(name)}: expected each tensor to be made once, got ${clip(output)} twice`);
      scope.names.add(output);
    }
  }
  for (const output of outputs) if (!isKnown(scope, output)) throw damaged(`expected the outputs to be made by nodes, got ${clip(output)} from nowhere`);
  if (outputs.length === 0) throw damaged("expected an output, got none");
}
