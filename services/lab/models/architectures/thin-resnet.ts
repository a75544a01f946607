import type { Value } from "../../../engine/graph/graph.ts";
import { type Build, heFanIn, type Layers, network, PYTORCH } from "./layers.ts";

/**
 * He et al. 2016, section 4.2: the ResNets of 6·blocks + 2 layers and 16, 32 and 64 channels for 32×32 images. Names and
 * initialisation are those of akamaster/pytorch_resnet_cifar10, so that its checkpoints load as they are.
 *
 * @param blocks of each stage.
 */
export function thinResnet(blocks: number): Build {
  return network({ ...PYTORCH, conv: heFanIn, dense: heFanIn }, (l, image, classCount) => {
    let x = l.relu(l.convNorm(["conv1", "bn1"], image, 16, 3));
    for (const [stage, width] of [[1, 16], [2, 32], [3, 64]] as const) {
      for (let i = 0; i < blocks; i++) x = block(l, x, `layer${stage}.${i}`, width, stage > 1 && i === 0 ? 2 : 1);
    }
    return l.pooledDense("linear", x, classCount);
  });
}

function block(l: Layers, x: Value, name: string, width: number, stride: number): Value {
  const a = l.relu(l.convNorm([`${name}.conv1`, `${name}.bn1`], x, width, 3, { stride }));
  const b = l.convNorm([`${name}.conv2`, `${name}.bn2`], a, width, 3);
  return l.relu(l.graph.add(b, stride === 1 ? x : shortcut(l, x, `${name}.shortcut`, width)));
}

/** Option A: every second pixel, new channels filled with zeros on both sides. Written as a 1×1 convolution with fixed weights. */
function shortcut(l: Layers, x: Value, name: string, width: number): Value {
  const c = l.channels(x);
  const first = Math.floor(width / 4);
  const values = Array.from({ length: width * c }, (_, i) => (Math.floor(i / c) === (i % c) + first ? 1 : 0));
  return l.graph.conv2d(x, l.graph.frozen(name, [width, c, 1, 1], values), undefined, { stride: 2 });
}
