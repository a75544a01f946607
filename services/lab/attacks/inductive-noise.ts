import type { InductiveNoiseConfig } from "../../../schema/jobs/attack.ts";
import { AppError } from "../../common/errors.ts";
import { seedWords } from "../../common/rng.ts";
import type { Readback } from "../../engine/gpu/device.ts";
import { Dynamic, type Step } from "../../engine/gpu/kernel.ts";
import { copy, type Program } from "../../engine/gpu/program.ts";
import type { Tensor } from "../../engine/gpu/tensor.ts";
import { inductiveNoise } from "../../engine/kernels/attack/inductive-noise.ts";
import { fillNormal } from "../../engine/kernels/random/fill-normal.ts";
import { fillUniform } from "../../engine/kernels/random/fill-uniform.ts";
import { ROW_CHECK, rowCheck } from "../../engine/kernels/reduce/row-check.ts";
import { subPixels } from "../data/dataset.ts";
import type { Network } from "../models/network.ts";
import { type PredictionPass, predictionPass } from "../models/predictor.ts";
import { part } from "../part.ts";
import type { Session } from "../session.ts";
import { STREAM } from "../streams.ts";
import { requireKept } from "./check.ts";
import type { Guide } from "./guide.ts";
import { type AttackedBatch, type AttackRecipe, type ImageBatch, noiseVariant, type Variant, type VariantResult } from "./variant.ts";

/**
 * Inductive noise, equation (5) of Duan et al. 2023: noise σ on exactly the k sub-pixels with the highest signed
 * attribution, M = 1 there,
 *
 *   type I  x' = clip_[0,1](x + M∘σ)      type II  x' = clip_[0,1]((1 − M)∘x + M∘σ)
 *
 * and, as control, on k random ones with the same σ. σ is standard normal, or uniform in [0, 1). All k of one draw are one
 * command buffer.
 *
 * Differs  the paper's released code draws σ uniform from the range of each (normalised) image, and cuts to that range.
 */
export class InductiveNoise implements AttackRecipe {
  private constructor(
    private readonly session: Session, private readonly config: InductiveNoiseConfig, private readonly guide: Guide,
    private readonly variants: readonly Variant[], private readonly program: Program, private readonly draw: Dynamic,
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
      fact: scope.tensor("fact", [batch, ROW_CHECK.width]),
      predictions: scope.tensor("predictions", [variants.length, batch], "u32"), facts: scope.tensor("facts", [variants.length, batch, ROW_CHECK.width]),
    };
    const draw = new Dynamic("noise draw");
    const program = await session.prepare(`noise ${config.type}`, noiseSteps(config, guide, variants, tensors, draw, seed));
    return new InductiveNoise(session, config, guide, variants, program, draw, session.readback([tensors.predictions, tensors.facts]), session.readback([tensors.example]));
  }

  async attack({ x, labels, ids }: ImageBatch, examples: boolean): Promise<AttackedBatch> {
    const { batch } = this.guide;
    const { draws, type } = this.config;
    const results = this.variants.map((variant): VariantResult => ({ variant, success: new Float64Array(labels.length), prediction: new Uint32Array(labels.length), draws }));
    let example: Float32Array | null = null;
    for (let d = 0; d < draws; d++) {
      this.session.check();
      this.program.run(new Map([[this.draw, d]]));
      const [predictions, facts] = (await this.readback.read()) as [Uint32Array, Float32Array];
      results.forEach(({ success, prediction }, v) => {
        requireKept(`inductive noise ${type}`, facts.subarray(v * batch * ROW_CHECK.width), labels.length, ids, {});
        prediction.set(predictions.subarray(v * batch, v * batch + labels.length));
        labels.forEach((label, i) => { success[i]! += Number(prediction[i] !== label) / draws; });
      });
      if (d === 0 && examples) example = ((await this.examples.read()) as [Float32Array])[0].slice(0, x.length);
    }
    return { results, examples: example };
  }
}

interface NoiseTensors {
  readonly m: number;
  readonly batch: number;
  readonly pass: PredictionPass;
  readonly noise: Tensor;
  /** The perturbed images of the largest k with inductive places. */
  readonly example: Tensor;
  readonly predictions: Tensor;
  readonly facts: Tensor;
  readonly fact: Tensor;
}

function noiseSteps({ type, law, k: ks }: InductiveNoiseConfig, guide: Guide, variants: readonly Variant[], tensors: NoiseTensors, draw: Dynamic, seed: bigint): Step[] {
  const { pass, noise, example, predictions, facts, fact, m, batch: n } = tensors;
  const [seedLow, seedHigh] = seedWords(seed);
  const key = { n, m, seedLow, seedHigh, draw, stream: STREAM.noise };
  const largest = ks.indexOf(Math.max(...ks));
  const steps: Step[] = [...pass.prologue, law === "gaussian" ? fillNormal(guide.ids, noise, key) : fillUniform(guide.ids, noise, { ...key, low: 0, high: 1 })];
  variants.forEach(({ placement, k }, v) => {
    const rank = placement === "random" ? guide.rank.random : guide.rank.inductive;
    steps.push(
      inductiveNoise(guide.image, rank, noise, pass.image, { n, m, k: k!, type: type === "I" ? 1 : 2 }),
      ...pass.body, rowCheck(pass.image, guide.image, fact, { n, m }),
      copy(pass.prediction, part(predictions, v * n, n)), copy(fact, part(facts, v * n * ROW_CHECK.width, n * ROW_CHECK.width)),
    );
    if (v === largest) steps.push(copy(pass.image, example)); // inductive places come first
  });
  return steps;
}
