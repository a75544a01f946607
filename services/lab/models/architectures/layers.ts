import type { GraphBuilder, Initialiser, Value } from "../../../engine/graph/graph.ts";
import type { Architecture } from "../architecture.ts";

/** Layers under PyTorch's names, as the families write them down. */

/** Products that one output sums, and outputs that one input reaches, of a weight [k, c/groups, h, w] or [k, f]; as PyTorch counts them. */
interface Fans { readonly in: number; readonly out: number }
type Law = (fans: Fans) => Initialiser;

/** What fresh weights are drawn from. Norms always begin with scale 1 and shift 0. */
export interface Initialisation { readonly conv: Law; readonly convBias: Law; readonly dense: Law; readonly denseBias: Law }

const pytorchWeight: Law = (fans) => ({ kind: "kaiming-uniform", fanIn: fans.in });
const pytorchBias: Law = (fans) => ({ kind: "bias-uniform", fanIn: fans.in });
/** PyTorch's own. */
export const PYTORCH: Initialisation = { conv: pytorchWeight, convBias: pytorchBias, dense: pytorchWeight, denseBias: pytorchBias };

/** He et al. 2015, N(0, √(2/fan)); `heFanIn` is kaiming_normal_ as it is called without arguments. */
export const heFanOut: Law = (fans) => ({ kind: "kaiming-normal", fanOut: fans.out });
export const heFanIn: Law = (fans) => ({ kind: "kaiming-normal", fanOut: fans.in });
/** kaiming_uniform_ as it is called without arguments. */
export const heUniform: Law = (fans) => ({ kind: "uniform", bound: Math.sqrt(6 / fans.in) });
export const zero: Law = () => ({ kind: "constant", value: 0 });
export function normal(std: number): Law { return () => ({ kind: "normal", std }); }

export type Build = Architecture["build"];

/** A network by what it does to the normalised image: [n, c, h, w] → [n, classCount]. */
export function network(initialisation: Initialisation, logits: (layers: Layers, x: Value, classCount: number) => Value): Build {
  return (builder, { inputShape, classCount, mean, std }) => {
    const image = builder.image(...inputShape);
    return { image, logits: logits(new Layers(builder, initialisation), builder.normalise(image, mean, std), classCount) };
  };
}

interface ConvOptions { readonly stride?: number; readonly padding?: number; readonly groups?: number }

/** Makes every layer's parameters as it is written. A layer's name is that of PyTorch's module. */
export class Layers {
  constructor(readonly graph: GraphBuilder, private readonly initialisation: Initialisation) {}

  channels(x: Value): number { return this.graph.shapeOf(x)[1]!; }
  relu(x: Value): Value { return this.graph.relu(x); }
  relu6(x: Value): Value { return this.graph.unary({ name: "clip", min: 0, max: 6 }, x); }

  /** k windows of the given side, with bias. @param weight default: the family's law. */
  conv(name: string, x: Value, k: number, window: number, { weight = this.initialisation.conv, ...options }: ConvOptions & { readonly weight?: Law } = {}): Value {
    const fans = this.#fans(x, k, window, options);
    const w = this.#weight(name, x, k, window, options, weight);
    return this.graph.conv2d(x, w, this.graph.parameter(`${name}.bias`, [k], this.initialisation.convBias(fans)), options);
  }

  /** Without bias, keeping the size but for the stride: what stands before or after a norm. */
  plainConv(name: string, x: Value, k: number, window: number, { stride = 1, groups = 1 }: Omit<ConvOptions, "padding"> = {}): Value {
    const options = { stride, groups, padding: window >> 1 };
    return this.graph.conv2d(x, this.#weight(name, x, k, window, options, this.initialisation.conv), undefined, options);
  }

  /** Batch norm: <name>.{weight, bias, running_mean, running_var}. */
  norm(name: string, x: Value): Value {
    const shape = [this.channels(x)];
    return this.graph.batchNorm(
      x,
      this.graph.parameter(`${name}.weight`, shape, { kind: "constant", value: 1 }),
      this.graph.parameter(`${name}.bias`, shape, { kind: "constant", value: 0 }),
      this.graph.state(`${name}.running_mean`, shape, 0),
      this.graph.state(`${name}.running_var`, shape, 1),
    );
  }

  /** `plainConv`, then `norm`. */
  convNorm([conv, norm]: readonly [conv: string, norm: string], x: Value, k: number, window: number, options: Omit<ConvOptions, "padding"> = {}): Value {
    return this.norm(norm, this.plainConv(conv, x, k, window, options));
  }

  /** x [rows, f] → [rows, k]. */
  dense(name: string, x: Value, k: number): Value {
    const [, f] = this.graph.shapeOf(x) as [number, number];
    const fans = { in: f, out: k };
    const w = this.graph.parameter(`${name}.weight`, [k, f], this.initialisation.dense(fans));
    return this.graph.linear(x, w, this.graph.parameter(`${name}.bias`, [k], this.initialisation.denseBias(fans)));
  }

  /** The mean over all pixels, then a linear layer. */
  pooledDense(name: string, x: Value, k: number): Value { return this.dense(name, this.graph.flatten(this.graph.globalAveragePool(x)), k); }

  #weight(name: string, x: Value, k: number, window: number, options: ConvOptions, law: Law): Value {
    return this.graph.parameter(`${name}.weight`, [k, this.channels(x) / (options.groups ?? 1), window, window], law(this.#fans(x, k, window, options)));
  }

  #fans(x: Value, k: number, window: number, { groups = 1 }: ConvOptions): Fans {
    return { in: (this.channels(x) / groups) * window * window, out: k * window * window };
  }
}
