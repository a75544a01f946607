import { z } from "zod";

const pixelDistance = z.number().gt(0).max(1);

/** Projected gradient ascent inside an l∞ or l2 ball around the image, in pixel units of [0,1]. */
export const pgdSchema = z.strictObject({
  kind: z.literal("pgd"),
  norm: z.enum(["linf", "l2"]).default("linf"),
  /** Radius. l∞: at most 1. l2: at most √(sub-pixels), checked against the data set. */
  epsilon: z.number().gt(0).max(400),
  /** Default 2.5·epsilon/steps. */
  stepSize: z.number().gt(0).max(400).optional(),
  steps: z.int().min(1).max(1000).default(20),
  /** Independent random starts; the one with the highest loss counts. */
  restarts: z.int().min(1).max(100).default(1),
  randomStart: z.boolean().default(true),
  /** Class to move to; the attack then counts as success when that class is predicted. Untargeted when absent. */
  target: z.int().min(0).max(100_000).optional(),
}).refine((a) => a.norm === "l2" || a.epsilon <= 1, { path: ["epsilon"], message: "expected at most 1 for linf" })
  .refine((a) => a.randomStart || a.restarts === 1, { path: ["restarts"], message: "expected 1 without random starts: all restarts would be the same" });

/** Plain noise on the k sub-pixels with the highest signed attribution (equation 5), and on k random ones as control. */
export const inductiveNoiseSchema = z.strictObject({
  kind: z.literal("inductive-noise"),
  /** I adds noise to the pixels, II replaces them. */
  type: z.enum(["I", "II"]),
  k: z.array(z.int().min(1).max(1_000_000)).min(1).max(50),
  /** N(0, 1), or uniform on [0, 1], both in pixel units. The result is clipped to [0, 1]. */
  law: z.enum(["gaussian", "uniform"]).default("gaussian"),
  /** Independent noise draws per image and k; rates are over images × draws. */
  draws: z.int().min(1).max(100).default(1),
});

/** Squares of one colour on the n highest-ranked pixels, n = 1…maxCount, radius 1…maxRadius (algorithm 1), and on random ones as control. */
export const inductiveOcclusionSchema = z.strictObject({
  kind: z.literal("inductive-occlusion"),
  maxCount: z.int().min(1).max(100).default(5),
  maxRadius: z.int().min(1).max(112).default(2),
  colours: z.array(z.number().min(0).max(1)).min(1).max(10).default([0, 0.5, 1]),
});

export const attackSchema = z.discriminatedUnion("kind", [pgdSchema, inductiveNoiseSchema, inductiveOcclusionSchema]);
export type AttackConfig = z.output<typeof attackSchema>;
export type PgdConfig = z.output<typeof pgdSchema>;
export type InductiveNoiseConfig = z.output<typeof inductiveNoiseSchema>;
export type InductiveOcclusionConfig = z.output<typeof inductiveOcclusionSchema>;

/** Radius of the adversary during training. */
export const adversarySchema = z.strictObject({
  norm: z.literal("linf").default("linf"),
  epsilon: pixelDistance,
  stepSize: pixelDistance.optional(),
  steps: z.int().min(1).max(100).default(7),
  randomStart: z.boolean().default(true),
  /** Epochs over which epsilon rises linearly from 0. */
  warmupEpochs: z.int().min(0).max(1000).default(0),
});
export type AdversaryConfig = z.output<typeof adversarySchema>;
