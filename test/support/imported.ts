import { evaluate } from "../../services/engine/cpu/evaluate.ts";
import type { Gpu } from "../../services/engine/gpu/device.ts";
import { differentiate } from "../../services/engine/graph/differentiate.ts";
import { foldBatchNorm } from "../../services/engine/graph/fold.ts";
import type { Value } from "../../services/engine/graph/graph.ts";
import { compilePlan } from "../../services/engine/plan/compile.ts";
import { NetworkParameters } from "../../services/engine/plan/parameters.ts";
import { selectedLogitGraph } from "../../services/lab/models/architecture.ts";
import type { ImportedNetwork } from "../../services/lab/models/onnx/import-onnx.ts";
import { uploadF32, uploadU32 } from "./gpu.ts";
import { readValue, runPlan } from "./run-plan.ts";

/** Logits [n, classes] and the gradient of each image's label's logit, of the image's shape. */
export interface Explained { readonly logits: ArrayLike<number>; readonly gradient: ArrayLike<number> }

type Parts = Pick<ImportedNetwork, "architecture" | "shape" | "tensors">;

/** In f64, by the interpreter. */
export function explainedInF64({ architecture, shape, tensors }: Parts, image: ArrayLike<number>, labels: readonly number[]): Explained {
  const { graph: forward, image: x, logits, selected } = selectedLogitGraph(architecture, shape, labels.length);
  const { graph, gradients } = differentiate(forward, selected, [x], 1);
  const values = new Map([...tensors].map(([name, { data }]) => [name, Float64Array.from(data)]));
  const evaluation = evaluate(graph, { image, labels, parameters: values, states: values }, "eval");
  return { logits: evaluation.of(logits), gradient: evaluation.of(gradients.get(x)!) };
}

/** On the device, batch norm folded, as every audit runs it. */
export async function explainedOnGpu(gpu: Gpu, { architecture, shape, tensors }: Parts, image: ArrayLike<number>, labels: readonly number[]): Promise<Explained> {
  const scope = gpu.scope("test");
  const built = selectedLogitGraph(architecture, shape, labels.length);
  const parameters = new NetworkParameters(scope, built.graph);
  parameters.load(tensors);
  const folded = foldBatchNorm(built.graph);
  const [x, logits, selected] = [built.image, built.logits, built.selected].map((value) => folded.values.get(value)!) as [Value, Value, Value];
  const { graph, gradients } = differentiate(folded.graph, selected, [x], 1);
  const dx = gradients.get(x)!;
  const plan = compilePlan(gpu, scope, graph, parameters, { mode: "eval", image: uploadF32(scope, "image", image), labels: uploadU32(scope, "labels", labels), keep: [logits, dx] });
  await runPlan(gpu, plan);
  const explained = { logits: await readValue(gpu, graph, plan.output(logits), logits), gradient: await readValue(gpu, graph, plan.output(dx), dx) };
  scope.dispose();
  return explained;
}
