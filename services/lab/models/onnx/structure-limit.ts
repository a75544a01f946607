import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/**
 * Bytes of a model that are not the values of tensors or the texts of nodes: names, attributes, nodes. Decoding turns two such bytes into an
 * object of some hundred, so they are counted before anything is decoded; values stay views of the file, or grow twofold, as texts do.
 */
export function structureBytes(model: Uint8Array): number { return model.length - payload(model, MODEL); }

/** Fields on the way to the values of tensors, by number; "values" are counted. */
interface Path { readonly [field: number]: Path | "values" }

const TENSOR: Path = { 4: "values", 9: "values", 10: "values" }; // TensorProto.float_data, raw_data, double_data
const NODE: Path = { 5: { 5: TENSOR }, 6: "values", 9: { 2: "values" } }; // NodeProto.attribute.t; .doc_string and .metadata_props.value, where exporters put stack traces
const MODEL: Path = { 7: { 1: NODE, 5: TENSOR } }; // ModelProto.graph: GraphProto.node, .initializer

function payload(message: Uint8Array, path: Path): number {
  const reader = new BinaryReader(message);
  let bytes = 0;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const next = path[field];
    if (next === undefined || type !== WireType.LengthDelimited) { reader.skip(type, field); continue; }
    const content = reader.bytes();
    bytes += next === "values" ? content.length : payload(content, next);
  }
  return bytes;
}
