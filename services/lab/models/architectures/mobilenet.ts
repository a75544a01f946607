import type { Value } from "../../../engine/graph/graph.ts";
import { type Build, heFanOut, type Layers, network, normal, PYTORCH, zero } from "./layers.ts";

/** Channels and stride of each pair of a depthwise and a pointwise convolution. */
export type MobilenetBlocks = readonly (readonly [channels: number, stride: number])[];
export const MOBILENET: MobilenetBlocks = [[64, 1], [128, 2], [128, 1], [256, 2], [256, 1], [512, 2], [512, 1], [512, 1], [512, 1], [512, 1], [512, 1], [1024, 2], [1024, 1]];

/** Howard et al. 2017 for 32×32 images: the first convolution keeps the size. Names of kuangliu/pytorch-cifar. */
export function cifarMobilenet(blocks: MobilenetBlocks, width = 32): Build {
  return network(PYTORCH, (l, image, classCount) => {
    const stem = l.relu(l.convNorm(["conv1", "bn1"], image, width, 3));
    const x = blocks.reduce((y, [k, stride], i) => {
      const c = l.channels(y);
      const a = l.relu(l.convNorm([`layers.${i}.conv1`, `layers.${i}.bn1`], y, c, 3, { stride, groups: c }));
      return l.relu(l.convNorm([`layers.${i}.conv2`, `layers.${i}.bn2`], a, k, 1));
    }, stem);
    return l.pooledDense("linear", x, classCount);
  });
}

export interface MobilenetV2Options {
  /** Stages of inverted residuals: how many times the hidden channels outnumber the input's, channels, blocks, stride of the first. */
  readonly stages: readonly (readonly [expansion: number, channels: number, blocks: number, stride: number])[];
  /** Channels of the first convolution and of the last. */
  readonly first: number;
  readonly last: number;
}
export const MOBILENET_V2: MobilenetV2Options = { first: 32, last: 1280, stages: [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]] };

/** Sandler et al. 2018, as torchvision has it: 224×224 images, ReLU6. */
export function mobilenetV2({ stages, first, last }: MobilenetV2Options): Build {
  return network({ conv: heFanOut, convBias: zero, dense: normal(0.01), denseBias: zero }, (l, image, classCount) => {
    let x = l.relu6(l.convNorm(["features.0.0", "features.0.1"], image, first, 3, { stride: 2 }));
    let place = 1;
    for (const [expansion, k, blocks, stride] of stages) {
      for (let i = 0; i < blocks; i++) x = invertedResidual(l, x, { name: `features.${place++}.conv`, expansion, k, stride: i === 0 ? stride : 1 });
    }
    return l.pooledDense("classifier.1", l.relu6(l.convNorm([`features.${place}.0`, `features.${place}.1`], x, last, 1)), classCount);
  });
}

interface InvertedResidual { readonly name: string; readonly expansion: number; readonly k: number; readonly stride: number }

/** Expand, filter each channel, project. Without expansion its names move up by one place. */
function invertedResidual(l: Layers, x: Value, { name, expansion, k, stride }: InvertedResidual): Value {
  const hidden = l.channels(x) * expansion;
  const at = expansion === 1 ? 0 : 1;
  const a = expansion === 1 ? x : l.relu6(l.convNorm([`${name}.0.0`, `${name}.0.1`], x, hidden, 1));
  const b = l.relu6(l.convNorm([`${name}.${at}.0`, `${name}.${at}.1`], a, hidden, 3, { stride, groups: hidden }));
  const c = l.convNorm([`${name}.${at + 1}`, `${name}.${at + 2}`], b, k, 1);
  return stride === 1 && l.channels(x) === k ? l.graph.add(x, c) : c;
}
