import type { InductiveNoiseConfig } from "../../../schema/jobs/attack.ts";
import { AppError } from "../../common/errors.ts";
import { seedWords } from "../../common/rng.ts";
import type { Readback } from "../../engine/gpu/device.ts";
import { Dynamic, type Step } from "../../engine/gpu/kernel.ts";
import { copy, type Program } from "../../engine/gpu/program.ts";
import type { Tensor } from "../../engine/gpu/tensor.ts";
import { clampRows } from "../../engine/kernels/attack/clamp-rows.ts";
import { inductiveNoise } from "../../engine/kernels/attack/inductive-noise.ts";
import { MAX_F32 } from "../../engine/kernels/image-space.ts";
import { fillNormal } from "../../engine/kernels/random/fill-normal.ts";
import { fillUniform } from "../../engine/kernels/random/fill-uniform.ts";
import { ROW_CHECK, rowCheck } from "../../engine/kernels/reduce/row-check.ts";
import { subPixels } from "../data/dataset.ts";
import type { Network } from "../models/network.ts";
import { type PredictionPass, predictionPass } from "../models/predictor.ts";
import { part } from "../part.ts";
import type { Session } from "../session.ts";
import { STREAM } from "../streams.ts";
import { type Bounds, requireKept } from "./check.ts";
import type { Guide } from "./guide.ts";
import { type AttackedBatch, type AttackRecipe, type ImageBatch, noiseVariant, type Variant, type VariantResult } from "./variant.ts";

/**
 * Inductive noise, equation (5) of Duan et al. 2023: noise σ on exactly the k sub-pixels with the highest signed
 * attribution, M = 1 there,
 *
 *   type I  x' = clip(x + M∘σ)      type II  x' = clip((1 − M)∘x + M∘σ)
 *
 * and, as control, on k random ones with the same σ. σ is standard normal, or uniform in [0, 1); clip cuts to [0, 1], to
 * the range of the clean image, or not at all. All k of one draw are one command buffer.
 *
 * Differs  the paper's released code draws uniform σ from the range of each (normalised) image.
 */
export class InductiveNoise implements AttackRecipe {
  private constructor(
    private readonly session: Session, private readonly config: InductiveNoiseConfig, private readonly guide: Guide,
    private readonly variants: readonly Variant[], private readonly tensors: NoiseTensors, private readonly program: Program, private readonly draw: Dynamic,
    private readonly readback: Readback, private readonly examples: Readback,
  ) {}

  /** @param guide whose last `load` was of the batch that is attacked. @throws AppError INVALID_INPUT when a k exceeds the image. */
  static async prepare(session: Session, network: Network, config: InductiveNoiseConfig, guide: Guide, seed: bigint): Promise<InductiveNoise> {
    const { scope } = session;
    const { batch } = guide;
    const m = subPixels(network.inputShape);
    const large = config.k.find((k) => k > m);
    if (large !== undefined) throw new AppError("INVALID_INPUT", `inductive noise: expected k of at most ${m} sub-pixels, got ${large}`, { field: "attack.inductiveNoise.k", k: large, m });
    const variants = (["inductive", "random"] as const).flatMap((placement) => config.k.map((k) => noiseVariant(placement, k)));
    const tensors: NoiseTensors = {
      m, batch, pass: await predictionPass(session, network, batch), noise: scope.tensor("noise", [batch, m]), example: scope.tensor("example", [batch, m]),
      low: scope.tensor("lowest", [batch]), high: scope.tensor("highest", [batch]), fact: scope.tensor("fact", [batch, ROW_CHECK.width]),
      predictions: scope.tensor("predictions", [variants.length, batch], "u32"), facts: scope.tensor("facts", [variants.length, batch, ROW_CHECK.width]),
    };
    const draw = new Dynamic("noise draw");
    const program = await session.prepare(`noise ${config.type}`, noiseSteps(config, guide, variants, tensors, draw, seed));
    return new InductiveNoise(session, config, guide, variants, tensors, program, draw, session.readback([tensors.predictions, tensors.facts]), session.readback([tensors.example]));
  }

  async attack({ x, labels, ids }: ImageBatch, examples: boolean): Promise<AttackedBatch> {
    const { batch } = this.guide;
    const { draws, clamp, type } = this.config;
    const results = this.variants.map((variant): VariantResult => ({ variant, success: new Float64Array(labels.length), prediction: new Uint32Array(labels.length), draws }));
    let example: Float32Array | null = null;
    if (clamp === "image") this.#uploadRanges(x, labels.length);
    for (let d = 0; d < draws; d++) {
      this.session.check();
      this.program.run(new Map([[this.draw, d]]));
      const [predictions, facts] = (await this.readback.read()) as [Uint32Array, Float32Array];
      results.forEach(({ success, prediction }, v) => {
        requireKept(`inductive noise ${type}`, facts.subarray(v * batch * ROW_CHECK.width), labels.length, ids, rangeOf(clamp));
        prediction.set(predictions.subarray(v * batch, v * batch + labels.length));
        labels.forEach((label, i) => { success[i]! += Number(prediction[i] !== label) / draws; });
      });
      if (d === 0 && examples) example = ((await this.examples.read()) as [Float32Array])[0].slice(0, x.length);
    }
    return { results, examples: example };
  }

  #uploadRanges(x: Float32Array, count: number): void {
    const { low, high, m } = this.tensors;
    const images = Array.from({ length: count }, (_, i) => x.subarray(i * m, (i + 1) * m));
    const extreme = (pick: (a: number, b: number) => number): Float32Array => Float32Array.from(images, (image) => image.reduce((a, b) => pick(a, b)));
    this.session.gpu.write(low, extreme(Math.min));
    this.session.gpu.write(high, extreme(Math.max));
  }
}

interface NoiseTensors {
  readonly m: number;
  readonly batch: number;
  readonly pass: PredictionPass;
  readonly noise: Tensor;
  /** The perturbed images of the largest k with inductive places. */
  readonly example: Tensor;
  /** [batch] range of each clean image, when the noise is cut to it. */
  readonly low: Tensor;
  readonly high: Tensor;
  readonly predictions: Tensor;
  readonly facts: Tensor;
  readonly fact: Tensor;
}

/** Values that a perturbed image may have; an image's own range lies in [0, 1]. */
function rangeOf(clamp: InductiveNoiseConfig["clamp"]): Required<Pick<Bounds, "low" | "high">> {
  return clamp === "none" ? { low: -MAX_F32, high: MAX_F32 } : { low: 0, high: 1 };
}

function noiseSteps({ type, law, clamp, k: ks }: InductiveNoiseConfig, guide: Guide, variants: readonly Variant[], tensors: NoiseTensors, draw: Dynamic, seed: bigint): Step[] {
  const { pass, noise, example, predictions, facts, fact, low, high, m, batch: n } = tensors;
  const [seedLow, seedHigh] = seedWords(seed);
  const key = { n, m, seedLow, seedHigh, draw, stream: STREAM.noise };
  const largest = ks.indexOf(Math.max(...ks));
  const steps: Step[] = [...pass.prologue, law === "gaussian" ? fillNormal(guide.ids, noise, key) : fillUniform(guide.ids, noise, { ...key, low: 0, high: 1 })];
  variants.forEach(({ placement, k }, v) => {
    const rank = placement === "random" ? guide.rank.random : guide.rank.inductive;
    steps.push(inductiveNoise(guide.image, rank, noise, pass.image, { n, m, k: k!, type: type === "I" ? 1 : 2, ...rangeOf(clamp) }));
    if (clamp === "image") steps.push(clampRows(pass.image, low, high, { n, m }));
    steps.push(
      ...pass.body, rowCheck(pass.image, guide.image, fact, { n, m }),
      copy(pass.prediction, part(predictions, v * n, n)), copy(fact, part(facts, v * n * ROW_CHECK.width, n * ROW_CHECK.width)),
    );
    if (v === largest) steps.push(copy(pass.image, example)); // inductive places come first
  });
  return steps;
}
