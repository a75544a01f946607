import type { Step } from "../../engine/gpu/kernel.ts";
import { copy } from "../../engine/gpu/program.ts";
import type { Tensor } from "../../engine/gpu/tensor.ts";
import { ROW_CHECK, rowCheck } from "../../engine/kernels/reduce/row-check.ts";
import type { PredictionPass } from "../models/predictor.ts";
import { part } from "../part.ts";
import type { Session } from "../session.ts";

/** Perturbed images as the rows of launch after launch, and what network and check say of all of them. */
export interface PerturbedRows {
  /** Its image takes the rows of one launch. */
  readonly pass: PredictionPass;
  /** [rows of all launches] u32: predicted classes. */
  readonly predictions: Tensor;
  /** [rows of all launches, 8]: see reduce/row-check. */
  readonly facts: Tensor;
  /** [rows of one launch, 8] */
  readonly launchFacts: Tensor;
}

/** @param rows of all launches. */
export function perturbedRows({ scope }: Session, pass: PredictionPass, rows: number): PerturbedRows {
  const facts = (label: string, count: number): Tensor => scope.tensor(label, [count, ROW_CHECK.width]);
  return { pass, predictions: scope.tensor("predictions", [rows], "u32"), facts: facts("facts", rows), launchFacts: facts("launch facts", pass.batch) };
}

/** Predicts and checks the first `count` rows of the pass, which are rows [first, first + count) of all. */
export function judgeRows({ pass, predictions, facts, launchFacts }: PerturbedRows, first: number, count: number): Step[] {
  const { width } = ROW_CHECK;
  return [
    ...pass.body,
    rowCheck(pass.image, pass.image, launchFacts, { n: count, m: pass.image.shape[1]! }), // no radius to keep: finite and in [0, 1]
    copy(part(pass.prediction, 0, count), part(predictions, first, count)),
    copy(part(launchFacts, 0, count * width), part(facts, first * width, count * width)),
  ];
}
