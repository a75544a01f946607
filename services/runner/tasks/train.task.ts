import type { TrainedModel } from "../../../schema/jobs/results.ts";
import type { TrainConfig } from "../../../schema/jobs/run-config.ts";
import { probeGini } from "../../lab/inequality/probe.ts";
import { STREAM } from "../../lab/streams.ts";
import { fixedTestImages } from "../../lab/training/held-out.ts";
import { train } from "../../lab/training/train.ts";
import type { TaskContext } from "../context.ts";

const SAFETENSORS = "application/vnd.safetensors";

/** Trains a network; its series, a checkpoint per epoch and, at the end, the model. */
export async function trainTask(context: TaskContext, config: TrainConfig): Promise<TrainedModel> {
  const { session, seed, resume } = context;
  const dataset = await context.dataset(config.dataset);
  const { count, attribution } = config.probe;
  const probed = [...fixedTestImages(dataset, count, STREAM.probe)];
  if (resume) context.note(`training continues after epoch ${resume.epoch} of ${config.epochs}, from the checkpoint saved then`);
  const { weights, network, summary, finalMetrics } = await train(session, dataset, config, seed, {
    metrics: (points) => context.metrics(points),
    checkpoint: async (epoch, bytes) => context.checkpoint(epoch, await context.writeBlob(bytes, SAFETENSORS)),
    ...(count > 0 && { probe: (trained) => probeGini(session, trained, dataset, probed, attribution) }),
    ...(resume && { resume: resume.bytes }),
  });
  return {
    weights: await context.writeBlob(weights, SAFETENSORS), ...summary,
    normalisation: { mean: [...network.mean], std: [...network.std] },
    inputShape: [...network.inputShape], classCount: network.classCount,
    finalMetrics: { ...finalMetrics },
  };
}
