import type { BlobRef } from "../../../schema/jobs/results.ts";
import type { ExportModelConfig } from "../../../schema/jobs/run-config.ts";
import { writeOnnx } from "../../lab/models/onnx/write-onnx.ts";
import { writeSafetensors } from "../../lab/models/weights/safetensors.ts";
import type { TaskContext } from "../context.ts";

/** A model as a file for other tools. */
export async function exportModelTask({ models: [model], ...context }: TaskContext, { format }: ExportModelConfig): Promise<BlobRef> {
  const { name, architecture, inputShape, classCount, normalisation: { mean, std } } = model!;
  const { tensors } = await context.weightsOf(model!);
  if (format === "onnx") return context.writeBlob(writeOnnx(await context.architectureOf(model!), { inputShape, classCount, mean, std }, tensors), "application/onnx");
  const metadata = { format: "pt", name, architecture: architecture ?? "onnx", inputShape: JSON.stringify(inputShape), classCount: String(classCount), mean: JSON.stringify(mean), std: JSON.stringify(std) };
  return context.writeBlob(writeSafetensors(tensors, metadata), "application/vnd.safetensors");
}
