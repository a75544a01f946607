import type { GraphBuilder, Value } from "../../../engine/graph/graph.ts";
import { type Build, heFanOut, type Initialisation, type Layers, network, normal, PYTORCH, zero } from "./layers.ts";

/** Channels of the 3×3 convolutions of each stage, which a 2×2 pooling ends: Simonyan & Zisserman 2015, configurations A, B and D. */
export const VGG11 = [[64], [128], [256, 256], [512, 512], [512, 512]];
export const VGG13 = [[64, 64], [128, 128], [256, 256], [512, 512], [512, 512]];
export const VGG16 = [[64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]];

const SIMONYAN: Initialisation = { conv: heFanOut, convBias: zero, dense: normal(0.01), denseBias: zero };
/** Side of what torchvision's classifier sees, whatever the image's size. */
const POOLED = 7;

export interface VggOptions {
  readonly stages: readonly (readonly number[])[];
  readonly norm: boolean;
  /** Width of the classifier's two hidden layers. Default 4096. */
  readonly hidden?: number;
}

/** torchvision's, for 224×224 images; of other sizes the last activations are averaged to 7×7. */
export function vgg({ stages, norm, hidden = 4096 }: VggOptions): Build {
  return network(SIMONYAN, (l, image, classCount) => {
    const x = l.graph.flatten(averageTo(l.graph, features(l, image, stages, norm), POOLED));
    const a = l.relu(l.dense("classifier.0", x, hidden));
    const b = l.relu(l.dense("classifier.3", a, hidden));
    return l.dense("classifier.6", b, classCount);
  });
}

/** kuangliu/pytorch-cifar's, for 32×32 images: with batch norm, and one linear layer after the stages. */
export function cifarVgg(stages: VggOptions["stages"]): Build {
  return network(PYTORCH, (l, image, classCount) => l.dense("classifier", l.graph.flatten(features(l, image, stages, true)), classCount));
}

/** Names are places in PyTorch's Sequential: convolution, norm, ReLU and pooling each take one. */
function features(l: Layers, image: Value, stages: VggOptions["stages"], norm: boolean): Value {
  let x = image;
  let place = 0;
  for (const stage of stages) {
    for (const k of stage) {
      x = l.conv(`features.${place++}`, x, k, 3, { padding: 1 });
      if (norm) x = l.norm(`features.${place++}`, x);
      x = l.relu(x);
      place++;
    }
    x = l.graph.maxPool(x, { window: 2 });
    place++;
  }
  return x;
}

/** PyTorch's AdaptiveAvgPool2d: row i of the result is the mean of rows ⌊i·h/side⌋ to ⌈(i + 1)·h/side⌉ − 1, columns likewise. */
function averageTo(graph: GraphBuilder, x: Value, side: number): Value {
  return [2, 3].reduce<Value>((y, axis) => {
    const size = graph.shapeOf(y)[axis]!;
    if (size === side) return y;
    const rows = Array.from({ length: side }, (_, i) => [Math.floor((i * size) / side), Math.ceil(((i + 1) * size) / side)] as const);
    const offsets = rows.reduce<number[]>((all, [from, to]) => [...all, all.at(-1)! + to - from], [0]);
    const entries = rows.flatMap(([from, to]) => Array.from({ length: to - from }, (_, t) => ({ index: from + t, weight: 1 / (to - from) })));
    return graph.axisMap(y, axis, { offsets, indices: entries.map(({ index }) => index), weights: entries.map(({ weight }) => weight) });
  }, x);
}
