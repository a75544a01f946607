import { clip, damaged, type NodeLabel, unsupported } from "./errors.ts";
import { type AttributeProto, AttributeProto_AttributeType as Type } from "./proto/onnx.ts";
import { readTensor, type StoredConstant } from "./tensor-data.ts";

/**
 * The attributes of a node. Every attribute must be read or named as harmless before `finish`: one that the importer does
 * not know would change the meaning of the operator in silence.
 */
export class Attributes {
  readonly #byName: ReadonlyMap<string, AttributeProto>;
  readonly #unread: Set<string>;

  /** @throws AppError WEIGHTS_CORRUPT when a name occurs twice; MODEL_UNSUPPORTED for subgraphs. */
  constructor(private readonly node: NodeLabel, attributes: readonly AttributeProto[]) {
    this.#byName = new Map(attributes.map((attribute) => [attribute.name, attribute]));
    this.#unread = new Set(this.#byName.keys());
    if (this.#byName.size !== attributes.length) throw damaged(`node ${clip(node.name)}: expected distinct names of attributes, got one twice`);
    for (const { name, type } of attributes) {
      if (type === Type.GRAPH || type === Type.GRAPHS) throw unsupported(node, `expected an operator without a subgraph, got one in attribute ${clip(name)}; export the model without control flow (torch.jit.trace follows one path)`);
    }
  }

  int(name: string): number | undefined;
  int(name: string, otherwise: number): number;
  int(name: string, otherwise?: number): number | undefined {
    const attribute = this.#take(name, Type.INT);
    return attribute === undefined ? otherwise : Number(attribute.i);
  }

  float(name: string): number | undefined;
  float(name: string, otherwise: number): number;
  float(name: string, otherwise?: number): number | undefined {
    const attribute = this.#take(name, Type.FLOAT);
    if (attribute !== undefined && !Number.isFinite(attribute.f)) throw this.#refused(name, "a finite number", attribute.f);
    return attribute === undefined ? otherwise : attribute.f;
  }

  ints(name: string): number[] | undefined { return this.#take(name, Type.INTS)?.ints.map(Number); }
  floats(name: string): number[] | undefined { return this.#take(name, Type.FLOATS)?.floats; }
  tensor(name: string): StoredConstant | undefined {
    const attribute = this.#take(name, Type.TENSOR);
    if (attribute === undefined) return undefined;
    if (!attribute.t) throw damaged(`node ${clip(this.node.name)}: expected a tensor in attribute ${clip(name)}, got none`);
    return readTensor(attribute.t, `${this.node.name}.${name}`);
  }

  /** One of a list of words. */
  word<T extends string>(name: string, known: readonly T[], otherwise: T): T {
    const attribute = this.#take(name, Type.STRING);
    const word = attribute === undefined ? otherwise : new TextDecoder().decode(attribute.s);
    if (!known.includes(word as T)) throw this.#refused(name, `one of ${known.join(", ")}`, word);
    return word as T;
  }

  flag(name: string, otherwise: boolean): boolean {
    const value = this.int(name, Number(otherwise));
    if (value !== 0 && value !== 1) throw this.#refused(name, "0 or 1", value);
    return value === 1;
  }

  has(name: string): boolean { return this.#byName.has(name); }

  /** These change nothing here. */
  ignore(...names: readonly string[]): void { for (const name of names) this.#unread.delete(name); }

  /** @throws AppError MODEL_UNSUPPORTED naming attributes that nobody read. */
  finish(): void {
    if (this.#unread.size > 0) throw unsupported(this.node, `expected only attributes that Lorenz knows of this operator, got ${clip([...this.#unread].join(", "))}; export with a standard opset between 9 and 21`);
  }

  #take(name: string, type: Type): AttributeProto | undefined {
    const attribute = this.#byName.get(name);
    if (attribute === undefined) return undefined;
    if (attribute.refAttrName !== "") throw unsupported(this.node, `expected a value in attribute ${clip(name)}, got a reference to a function's attribute; inline the model's functions (onnx.inliner)`);
    if (attribute.type !== type) throw this.#refused(name, Type[type].toLowerCase(), (Type[attribute.type] ?? "undefined").toLowerCase());
    this.#unread.delete(name);
    return attribute;
  }

  #refused(name: string, expected: string, got: unknown): ReturnType<typeof unsupported> {
    return unsupported(this.node, `expected attribute ${clip(name)} to be ${expected}, got ${clip(String(got))}; export the model again`);
  }
}
