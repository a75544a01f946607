import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

import { sharedData, sharedDataMissing, sharedMissing, sharedPath } from "./shared.ts";

/** Published networks and data, and what is known of them: what somebody brings who audits a model of their own. */

/** Why a test that needs all of it cannot run, or undefined. */
export function broughtMissing(): string | undefined {
  const squeezenet = sharedPath("models/squeezenet1.1");
  return sharedMissing() ?? sharedDataMissing() ?? (existsSync(squeezenet) ? undefined : `needs shared models: set LORENZ_SHARED (no ${squeezenet})`);
}

const CIFAR = { inputShape: [3, 32, 32], classCount: 10 } as const;
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
const CIFAR_MEAN = { mean: [0.4914, 0.4822, 0.4465], std: [0.2471, 0.2435, 0.2616] } as const;

/** Clean accuracy of the first 1,017 test images, which lie in the shared data to the byte: goldens/README.md. */
export const CLEAN = { resnet20: 0.9164, resnet2b: 0.704 } as const;
export const EXACT_IMAGES = 1017;

export interface CifarFile {
  readonly file: string;
  /** Of the reference values. */
  readonly golden: keyof typeof CLEAN;
  /** null: the ONNX file says it. */
  readonly architecture: "cifar-resnet20" | "cifar-resnet-2b" | null;
  readonly format: "safetensors" | "pytorch" | "onnx";
  readonly parameters: number;
}

export const CIFAR_FILES: readonly CifarFile[] = [
  { file: "resnet20-12fca82f.th", golden: "resnet20", architecture: "cifar-resnet20", format: "pytorch", parameters: 269_722 },
  { file: "resnet20.safetensors", golden: "resnet20", architecture: "cifar-resnet20", format: "safetensors", parameters: 269_722 },
  { file: "resnet2b.pth", golden: "resnet2b", architecture: "cifar-resnet-2b", format: "pytorch", parameters: 112_006 },
  { file: "resnet_2b.onnx", golden: "resnet2b", architecture: null, format: "onnx", parameters: 112_006 },
];

/** What a request says about each; neither file says how its images were normalised. */
export const CIFAR_SHAPE = CIFAR;
export const NORMALISATION = { resnet20: IMAGENET, resnet2b: CIFAR_MEAN, squeezenet: IMAGENET } as const;

/** The 1,017 in the official binary layout, in official order. @returns the file's path below `folder`, which is made. */
export function unpackCifar(folder: string): string {
  mkdirSync(folder, { recursive: true });
  execFileSync("tar", ["xJf", join(sharedData, "cifar10-lossless.tar.xz"), "-C", folder, "cifar10-lossless/test_lossless.bin"]);
  return join(folder, "cifar10-lossless/test_lossless.bin");
}

export function sha256Of(bytes: Uint8Array): string { return createHash("sha256").update(bytes).digest("hex"); }

/** Softmax in f64. */
export function probabilities(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits);
  const highest = Math.max(...values);
  const weights = values.map((value) => Math.exp(value - highest));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}
