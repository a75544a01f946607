import { EngineError } from "../../../engine/errors.ts";
import { differentiate } from "../../../engine/graph/differentiate.ts";
import { GraphBuilder, type Value } from "../../../engine/graph/graph.ts";
import type { InputShape } from "../../data/dataset.ts";
import type { Architecture, ModelShape } from "../architecture.ts";
import { unsupported } from "./errors.ts";
import { requireIndependence } from "./independence.ts";
import type { StaticModel } from "./statics.ts";
import { type PlacedWeight, type Reference, Walk } from "./walk.ts";

/** Batch sizes that every network must serve; the graphs of the last two are compared. No layer has sides of 7 and 77 by chance. */
const [ONE, FEW, MANY] = [1, 7, 77] as const;

type Normalisation = Pick<ModelShape, "mean" | "std">;
interface Built { readonly builder: GraphBuilder; readonly image: Value; readonly logits: Value; readonly weights: ReadonlyMap<string, PlacedWeight> }

/** The network of an ONNX file: its nodes, walked anew for every batch size. */
export class ImportedArchitecture implements Architecture {
  readonly #reference: Reference | undefined;

  /** @param fixedBatch the batch size that the file was exported for; undefined: any. @throws AppError MODEL_UNSUPPORTED naming the node. */
  constructor(readonly title: string, private readonly model: StaticModel, private readonly inputShape: InputShape, fixedBatch: number | undefined) {
    if (fixedBatch !== undefined) this.#reference = { batch: fixedBatch, shapes: this.#shapesAt(fixedBatch) };
  }

  build(builder: GraphBuilder, { classCount, ...normalisation }: ModelShape): { image: Value; logits: Value } {
    const { image, logits } = this.#build(builder, normalisation);
    const [, classes] = builder.shapeOf(logits);
    if (classes !== classCount) throw unsupported(undefined, `expected ${classCount} classes, got ${classes}; give the number that the network has`);
    return { image, logits };
  }

  /**
   * @returns what there is to know before a build: the number of classes, and the tensors that parameters stand for.
   * @throws AppError MODEL_UNSUPPORTED when a batch would be anything but images side by side, or no gradient reaches them.
   */
  check(normalisation: Normalisation): { readonly classCount: number; readonly weights: ReadonlyMap<string, PlacedWeight> } {
    const [one, few, many] = [ONE, FEW, MANY].map((batch) => this.#build(new GraphBuilder(batch), normalisation)) as [Built, Built, Built];
    requireIndependence({ graph: few.builder.graph, logits: few.logits }, { graph: many.builder.graph, logits: many.logits });
    requireGradient(one);
    return { classCount: one.builder.shapeOf(one.logits)[1]!, weights: one.weights };
  }

  #build(builder: GraphBuilder, { mean, std }: Normalisation): Built {
    const image = builder.image(...this.inputShape);
    const walk = new Walk(builder, this.model, builder.batch === this.#reference?.batch ? undefined : this.#reference);
    return { builder, image, logits: classScores(builder, walk.run(builder.normalise(image, mean, std))), weights: walk.weights };
  }

  #shapesAt(batch: number): ReadonlyMap<string, readonly number[]> {
    const builder = new GraphBuilder(batch);
    const walk = new Walk(builder, this.model);
    walk.run(builder.image(...this.inputShape));
    return walk.shapes();
  }
}

/** Scores [n, k]; fully convolutional networks leave [n, k, 1, 1]. */
function classScores(builder: GraphBuilder, output: Value): Value {
  const shape = builder.shapeOf(output);
  const [n, k, ...rest] = shape;
  if (n !== builder.batch || k === undefined || k < 2 || rest.some((side) => side !== 1)) throw unsupported(undefined, `expected an output of class scores [${builder.batch}, classes], got [${shape.join(", ")}]; export a classifier with a dynamic batch axis`);
  return builder.reshape(output, [n, k]);
}

/** Attributions and attacks follow the scores' gradient back to the image: without one there is nothing to audit. */
function requireGradient({ builder, image, logits }: Built): void {
  const selected = builder.selectLogit(logits, builder.labels());
  try {
    differentiate(builder.graph, selected, [image], 1);
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause;
    throw unsupported(undefined, "expected class scores with a gradient with respect to the image, got rounding, signs or comparisons between them; take those out of the model", { cause });
  }
}
