import type { Value } from "../../../engine/graph/graph.ts";
import { type Build, heFanOut, type Initialisation, type Layers, network, PYTORCH } from "./layers.ts";

/** How two code bases wrote the same network of He et al. 2016. */
interface Dialect {
  readonly initialisation: Initialisation;
  readonly shortcut: string;
  readonly classifier: string;
  stem(l: Layers, x: Value, width: number): Value;
}

/** For 224×224 images: the first convolution and a pooling each halve the image. Stride in the 3×3 convolution of a bottleneck (ResNet v1.5). */
export const TORCHVISION: Dialect = {
  initialisation: { ...PYTORCH, conv: heFanOut }, shortcut: "downsample", classifier: "fc",
  stem: (l, x, width) => l.graph.maxPool(l.relu(l.convNorm(["conv1", "bn1"], x, width, 7, { stride: 2 })), { window: 3, stride: 2, padding: 1 }),
};

/** For 32×32 images: the first convolution is 3×3 and keeps the size. Also of RobustBench, and of MadryLab's robustness under a prefix. */
export const KUANGLIU: Dialect = {
  initialisation: PYTORCH, shortcut: "shortcut", classifier: "linear",
  stem: (l, x, width) => l.relu(l.convNorm(["conv1", "bn1"], x, width, 3)),
};

export interface ResnetOptions {
  readonly kind: "basic" | "bottleneck";
  /** Blocks of each stage; every stage after the first halves the image and doubles the channels. */
  readonly blocks: readonly number[];
  /** Channels of the first stage, before a bottleneck widens them fourfold. Default 64. */
  readonly width?: number;
  /** The inner channels of a bottleneck are multiplied by this. Default 1. */
  readonly widen?: number;
}

export function resnet(dialect: Dialect, { kind, blocks, width = 64, widen = 1 }: ResnetOptions): Build {
  return network(dialect.initialisation, (l, image, classCount) => {
    let x = dialect.stem(l, image, width);
    blocks.forEach((count, stage) => {
      for (let i = 0; i < count; i++) {
        const block = { name: `layer${stage + 1}.${i}`, width: width * 2 ** stage, stride: stage > 0 && i === 0 ? 2 : 1 };
        x = kind === "basic" ? basic(l, dialect, x, block) : bottleneck(l, dialect, x, { ...block, widen });
      }
    });
    return l.pooledDense(dialect.classifier, x, classCount);
  });
}

interface Block { readonly name: string; readonly width: number; readonly stride: number }

function basic(l: Layers, dialect: Dialect, x: Value, block: Block): Value {
  const { name, width, stride } = block;
  const a = l.relu(l.convNorm([`${name}.conv1`, `${name}.bn1`], x, width, 3, { stride }));
  const b = l.convNorm([`${name}.conv2`, `${name}.bn2`], a, width, 3);
  return l.relu(l.graph.add(b, shortcut(l, dialect, x, width, block)));
}

function bottleneck(l: Layers, dialect: Dialect, x: Value, { widen, ...block }: Block & { readonly widen: number }): Value {
  const { name, width, stride } = block;
  const a = l.relu(l.convNorm([`${name}.conv1`, `${name}.bn1`], x, width * widen, 1));
  const b = l.relu(l.convNorm([`${name}.conv2`, `${name}.bn2`], a, width * widen, 3, { stride }));
  const c = l.convNorm([`${name}.conv3`, `${name}.bn3`], b, 4 * width, 1);
  return l.relu(l.graph.add(c, shortcut(l, dialect, x, 4 * width, block)));
}

/** Where the shape changes, a 1×1 convolution and its norm (He et al., option B). */
function shortcut(l: Layers, dialect: Dialect, x: Value, k: number, { name, stride }: Block): Value {
  const projection = `${name}.${dialect.shortcut}`;
  return stride === 1 && l.channels(x) === k ? x : l.convNorm([`${projection}.0`, `${projection}.1`], x, k, 1, { stride });
}
