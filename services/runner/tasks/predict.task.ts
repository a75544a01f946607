import { imageTransformSchema } from "../../../schema/jobs/dataset.ts";
import type { Prediction } from "../../../schema/jobs/results.ts";
import type { PredictConfig } from "../../../schema/jobs/run-config.ts";
import { AppError } from "../../common/errors.ts";
import { gather, gatherLabels, type InputShape, subPixels } from "../../lab/data/dataset.ts";
import { MAX_PICTURE_BYTES } from "../../lab/data/pictures/picture-split.ts";
import { prepareImage } from "../../lab/data/pictures/transform.ts";
import { requireFit } from "../../lab/models/network.ts";
import { mostProbable, scores } from "../../lab/models/scores.ts";
import type { TaskContext } from "../context.ts";
import { readRegularFile } from "../read-file.ts";

/** As pictures of a data set. */
const PICTURE = { maxBytes: MAX_PICTURE_BYTES, advice: "send a smaller one" } as const;

interface Images {
  /** [n, m] in [0, 1] */
  readonly x: Float32Array;
  /** What the results call each image. */
  readonly ids: readonly number[];
  readonly labels: readonly (number | null)[];
}

/** The most probable classes of a few images. */
export async function predictTask(context: TaskContext, { images, topK }: PredictConfig): Promise<undefined> {
  const [model] = context.models;
  const network = await context.loadModel(model!);
  const { x, ids, labels } = images.kind === "files" ? await readPictures(context, images, network.inputShape) : await readImages(context, images, network);
  const logits = await scores(context.session, network, x);
  if (!logits.every(Number.isFinite)) throw new AppError("MODEL_UNSUPPORTED", `model ${model!.name}: expected finite scores, got NaN or infinities; look at the model's warnings`, { model: model!.id });
  const k = network.classCount;
  context.results({ predictions: ids.map((image, i): Prediction => ({ modelId: model!.id, image, label: labels[i]!, top: mostProbable(logits.subarray(i * k, (i + 1) * k), topK) })) });
}

async function readImages(context: TaskContext, { dataset: name, split, indices }: Extract<PredictConfig["images"], { kind: "dataset" }>, network: Parameters<typeof requireFit>[0]): Promise<Images> {
  const dataset = await context.dataset(name);
  requireFit(network, dataset);
  return { x: await gather(dataset, split, indices), ids: indices, labels: [...gatherLabels(dataset, split, indices)] };
}

/** Pictures as the network sees them; without a transform the usual one for classifiers of its size, or, where that is no square, as they are. */
async function readPictures(context: TaskContext, { files, transform }: Extract<PredictConfig["images"], { kind: "files" }>, inputShape: InputShape): Promise<Images> {
  const [channels, height, width] = inputShape;
  const how = transform ?? imageTransformSchema.parse({ colour: channels === 1 ? "grey" : "rgb", ...(height === width && { resize: height, crop: height }) });
  const m = subPixels(inputShape);
  const x = new Float32Array(files.length * m);
  for (const [i, file] of files.entries()) {
    context.session.check();
    const field = `images.files[${i}]`;
    const { shape, pixels } = await prepareImage(field, await readRegularFile(await context.locate(file), { field, ...PICTURE }), how);
    if (shape.join() !== inputShape.join()) throw new AppError("INVALID_INPUT", `${field}: expected ${inputShape.join("×")} after the transform, as the network takes, got ${shape.join("×")}; give resize and crop, or pictures of that size`, { field });
    for (let p = 0; p < m; p++) x[i * m + p] = pixels[p]! / 255;
  }
  return { x, ids: files.map((_, i) => i), labels: files.map(() => null) };
}
