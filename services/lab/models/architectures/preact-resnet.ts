import type { Value } from "../../../engine/graph/graph.ts";
import { type Build, type Layers, network, PYTORCH } from "./layers.ts";

export interface PreactResnetOptions {
  /** What projections read: the activated input of their block (He et al.), or the input itself. Code bases differ, and weights do not show it. */
  readonly shortcut: "activated" | "input";
  /** A norm and ReLU between the last addition and the classifier. */
  readonly lastNorm: boolean;
  /** Blocks of each stage; every stage after the first halves the image and doubles the channels. */
  readonly blocks: readonly number[];
  /** Channels of the first stage. Default 64. */
  readonly width?: number;
}

/** The pre-activation ResNet of He et al. 2016 (Identity Mappings) for 32×32 images, with the names of kuangliu/pytorch-cifar. */
export function preactResnet({ shortcut, lastNorm, blocks, width = 64 }: PreactResnetOptions): Build {
  return network(PYTORCH, (l, image, classCount) => {
    let x = l.plainConv("conv1", image, width, 3);
    blocks.forEach((count, stage) => {
      for (let i = 0; i < count; i++) x = block(l, x, { name: `layer${stage + 1}.${i}`, k: width * 2 ** stage, stride: stage > 0 && i === 0 ? 2 : 1, shortcut });
    });
    return l.pooledDense("linear", lastNorm ? l.relu(l.norm("bn", x)) : x, classCount);
  });
}

interface Block extends Pick<PreactResnetOptions, "shortcut"> { readonly name: string; readonly k: number; readonly stride: number }

function block(l: Layers, x: Value, { name, k, stride, shortcut }: Block): Value {
  const a = l.relu(l.norm(`${name}.bn1`, x));
  const kept = stride === 1 && l.channels(x) === k ? x : l.plainConv(`${name}.shortcut.0`, shortcut === "activated" ? a : x, k, 1, { stride });
  const b = l.relu(l.norm(`${name}.bn2`, l.plainConv(`${name}.conv1`, a, k, 3, { stride })));
  return l.graph.add(l.plainConv(`${name}.conv2`, b, k, 3), kept);
}
