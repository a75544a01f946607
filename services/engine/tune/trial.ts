import type { Clock } from "../../common/clock.ts";
import { Rng } from "../../common/rng.ts";
import type { Gpu, Scope } from "../gpu/device.ts";
import type { Step } from "../gpu/kernel.ts";
import { clear, Program, runOnce, toTexture } from "../gpu/program.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { pad4 } from "../graph/layout.ts";
import { convForward, convGradInput, convGradWeight, productNeeds } from "../kernels/conv/convolution.ts";
import { type ConvGeometry, inputElements, outputElements, weightElements, weightRows, withBatch } from "../kernels/conv/geometry.ts";
import type { ConvOperand, ConvOperation, ConvTarget, ConvVariant } from "../kernels/conv/variants.ts";
import { disagreement, type HostTensors } from "./check.ts";
import type { Work } from "./work.ts";

/** One piece of work on fixed operands, to be done by any of its variants. */
export interface Trial {
  /**
   * Does it once and compares the result with the f64 twin.
   *
   * @returns ms from nothing to the result, compilation included; and what is wrong with the result, if anything is.
   * @throws EngineError SHADER_INVALID.
   */
  attempt(variant: ConvVariant): Promise<{ readonly ms: number; readonly wrong: string | undefined }>;
  /** Does it `times` times by the variant of this name, which was attempted. @returns ms for each. */
  time(name: string, times: number): Promise<number>;
  dispose(): void;
}

/**
 * Multiply-adds of one execution, about: a few milliseconds on a software adapter, less than one on a GPU; in both cases
 * enough tiles for all processors. Less for layers whose tensors would exceed BYTES, more where one image has more.
 */
const MACS = { software: 0.1e9, gpu: 4e9 } as const;
const BYTES = 64 * 2 ** 20;

/** The batch on which variants of the work are compared; its pixels where it is pointwise. */
export function trialBatch(g: ConvGeometry, software: boolean): number {
  const one = withBatch(g, 1);
  const macs = one.oh * one.ow * g.kh * g.kw * (g.c / g.groups) * g.k;
  const bytes = 4 * (inputElements(one) + outputElements(one));
  return Math.max(1, Math.floor(Math.min(MACS[software ? "software" : "gpu"] / macs, BYTES / bytes)));
}

/**
 * A trial on the device, on random operands. What a plan makes once for many runs, weights in another form or as textures,
 * is made before; what it makes in every run is part of the time: above all the whole copy of an activation to a texture,
 * although a plan shares the copy where two operations read it.
 */
export class GpuTrial implements Trial {
  readonly #scope: Scope;
  readonly #work: Work;
  readonly #host: HostTensors;
  readonly #device: Readonly<Record<keyof HostTensors, Tensor>>;
  readonly #programs = new Map<string, Program>();

  constructor(readonly gpu: Gpu, readonly clock: Clock, work: Work) {
    const { family } = gpu;
    this.#work = work;
    this.#scope = gpu.scope("tune");
    this.#host = randomTensors(work.geometry, family.kind === "workgroup" && family.half === true);
    const upload = (label: keyof HostTensors): Tensor => {
      const tensor = this.#scope.tensor(label, [this.#host[label].length]);
      gpu.write(tensor, this.#host[label]);
      return tensor;
    };
    this.#device = { x: upload("x"), w: upload("w"), y: upload("y") };
  }

  async attempt(variant: ConvVariant): Promise<{ ms: number; wrong: string | undefined }> {
    const result = RESULTS[this.#work.operation];
    const begin = this.clock.monotonic();
    const { once, body } = this.#steps(variant);
    await runOnce(this.gpu, `tune ${variant.name}: once`, [...once, clear(this.#device[result])]); // what is not written must not look right
    const program = await Program.prepare(this.gpu, `tune ${variant.name}`, body);
    this.#programs.set(variant.name, program);
    program.run();
    await this.gpu.idle();
    const ms = this.clock.monotonic() - begin;
    return { ms, wrong: disagreement(this.#work, { ...this.#host, [result]: await this.gpu.readF32(this.#device[result]) }) };
  }

  async time(name: string, times: number): Promise<number> {
    const program = this.#programs.get(name)!;
    const begin = this.clock.monotonic();
    for (let i = 0; i < times; i++) program.run();
    await this.gpu.idle();
    return (this.clock.monotonic() - begin) / times;
  }

  dispose(): void {
    for (const program of this.#programs.values()) program.dispose();
    this.#scope.dispose();
  }

  #steps(variant: ConvVariant): { once: readonly Step[]; body: readonly Step[] } {
    const { operation, geometry: g } = this.#work;
    const target: ConvTarget = { family: this.gpu.family, tuning: { choose: (_operation, _g, candidates) => candidates.find(({ name }) => name === variant.name) } };
    const { x, w, y } = this.#device;
    const [once, body]: [Step[], Step[]] = [[], []];
    const operand = (name: ConvOperand, tensor: Tensor): Tensor => {
      if (!variant.textures.includes(name)) return tensor;
      const textured = { ...tensor, texture: this.#scope.texture(name, tensor.bytes) };
      (name === "w" ? once : body).push(toTexture(textured));
      return textured;
    };
    const needs = productNeeds(target, operation, g);
    const room = (label: string, counts: readonly number[]): Tensor[] => counts.map((count) => this.#scope.tensor(label, [count]));
    const weight = (): Tensor => {
      if (!needs.weight) return operand("w", w);
      const [own] = room("own weight", [needs.weight.elements]) as [Tensor];
      once.push(...needs.weight.prepare(w, own, room("scratch", needs.weight.scratch)));
      return operand("w", own);
    };
    const scratch = room("scratch", needs.scratch);
    switch (operation) {
      case "forward": body.push(...convForward(target, g, { x: operand("x", x), w: weight(), y, scratch }, { relu: false })); break;
      case "grad-input": body.push(...convGradInput(target, g, { dy: operand("dy", y), w: weight(), dx: x, scratch })); break;
      case "grad-weight": body.push(...convGradWeight(target, g, { x: operand("x", x), dy: operand("dy", y), dw: w, scratch })); break;
    }
    return { once, body };
  }
}

const RESULTS = { forward: "y", "grad-input": "x", "grad-weight": "w" } as const satisfies Record<ConvOperation, keyof HostTensors>;

/** Uniform values in [-1, 1) repeat after so many, a prime: no two pixels of a tile, and no two tiles, hold the same. */
const PERIOD = 65_521;

/** @param half values that an f16 holds, so that operands stored as f16 do not cost the sums their accuracy. */
function randomTensors(g: ConvGeometry, half: boolean): HostTensors {
  const [x, w, y] = [0, 1, 2].map((stream) => {
    const rng = new Rng(0, stream);
    return Float32Array.from({ length: PERIOD }, () => (half ? (rng.integer(129) - 64) / 64 : 2 * rng.uniform() - 1));
  }) as [Float32Array, Float32Array, Float32Array];
  return {
    x: repeated(x, inputElements(g), pad4(g.c), g.c),
    w: repeated(w, weightElements(g), pad4(g.k), g.k, weightRows(g), g.groups === 1 ? g.c : weightRows(g)),
    y: repeated(y, outputElements(g), pad4(g.k), g.k),
  };
}

/** The period over and over, but 0 in lanes from `used` on and in rows from `usedRows` on of each `rows`: the padding. */
function repeated(period: Float32Array, count: number, lanes: number, used: number, rows = 1, usedRows = 1): Float32Array {
  const values = new Float32Array(count);
  for (let at = 0; at < count; at += period.length) values.set(period.subarray(0, count - at), at);
  if (used < lanes) for (let row = 0; row < count; row += lanes) values.fill(0, row + used, row + lanes);
  if (usedRows < rows) for (let block = 0; block < count; block += rows * lanes) values.fill(0, block + usedRows * lanes, block + rows * lanes);
  return values;
}
