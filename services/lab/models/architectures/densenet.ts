import type { Value } from "../../../engine/graph/graph.ts";
import { type Build, heFanIn, type Initialisation, type Layers, network, PYTORCH, zero } from "./layers.ts";

/** How two code bases wrote the DenseNet-BC of Huang et al. 2017. Blocks and layers count from 0. */
interface Dialect {
  readonly initialisation: Initialisation;
  stem(l: Layers, x: Value, channels: number): Value;
  layer(block: number, layer: number): { readonly norms: readonly [string, string]; readonly convs: readonly [string, string] };
  transition(block: number): { readonly norm: string; readonly conv: string };
  /** What a layer adds stands after what it read, or before it. */
  joined(x: Value, added: Value): readonly Value[];
  readonly norm: string;
  readonly classifier: string;
}

/** For 224×224 images: the first convolution and a pooling each halve the image. */
export const TORCHVISION: Dialect = {
  initialisation: { ...PYTORCH, conv: heFanIn, denseBias: zero },
  stem: (l, x, channels) => l.graph.maxPool(l.relu(l.convNorm(["features.conv0", "features.norm0"], x, channels, 7, { stride: 2 })), { window: 3, stride: 2, padding: 1 }),
  layer: (block, layer) => {
    const name = `features.denseblock${block + 1}.denselayer${layer + 1}`;
    return { norms: [`${name}.norm1`, `${name}.norm2`], convs: [`${name}.conv1`, `${name}.conv2`] };
  },
  transition: (block) => ({ norm: `features.transition${block + 1}.norm`, conv: `features.transition${block + 1}.conv` }),
  joined: (x, added) => [x, added],
  norm: "features.norm5", classifier: "classifier",
};

/** For 32×32 images: the first convolution is 3×3 and keeps the size, no norm follows it. */
export const KUANGLIU: Dialect = {
  initialisation: PYTORCH,
  stem: (l, x, channels) => l.plainConv("conv1", x, channels, 3),
  layer: (block, layer) => {
    const name = `dense${block + 1}.${layer}`;
    return { norms: [`${name}.bn1`, `${name}.bn2`], convs: [`${name}.conv1`, `${name}.conv2`] };
  },
  transition: (block) => ({ norm: `trans${block + 1}.bn`, conv: `trans${block + 1}.conv` }),
  joined: (x, added) => [added, x],
  norm: "bn", classifier: "linear",
};

export interface DensenetOptions {
  /** Channels that a layer adds; the first convolution has twice as many. */
  readonly growth: number;
  /** Layers of each block; between blocks image and channels are halved. */
  readonly blocks: readonly number[];
}

export function densenet(dialect: Dialect, { growth, blocks }: DensenetOptions): Build {
  return network(dialect.initialisation, (l, image, classCount) => {
    let x = dialect.stem(l, image, 2 * growth);
    blocks.forEach((count, block) => {
      if (block > 0) x = transition(l, dialect, x, block - 1);
      for (let layer = 0; layer < count; layer++) x = l.graph.concat(dialect.joined(x, denseLayer(l, dialect.layer(block, layer), x, growth)), 1);
    });
    return l.pooledDense(dialect.classifier, l.relu(l.norm(dialect.norm, x)), classCount);
  });
}

/** The 1×1 convolution narrows what all layers before it left to four times the growth. */
function denseLayer(l: Layers, { norms, convs }: ReturnType<Dialect["layer"]>, x: Value, growth: number): Value {
  const a = l.plainConv(convs[0], l.relu(l.norm(norms[0], x)), 4 * growth, 1);
  return l.plainConv(convs[1], l.relu(l.norm(norms[1], a)), growth, 3);
}

function transition(l: Layers, dialect: Dialect, x: Value, block: number): Value {
  const { norm, conv } = dialect.transition(block);
  return l.graph.averagePool(l.plainConv(conv, l.relu(l.norm(norm, x)), Math.floor(l.channels(x) / 2), 1), { window: 2 });
}
