import type { GraphBuilder, Value } from "../../engine/graph/graph.ts";
import { type Architecture, convNorm, dense } from "./architecture.ts";

/**
 * ResNet-18 for 32×32 images: He et al. 2016's ImageNet network with a 3×3 first convolution of stride 1 and no pooling
 * after it; 11,173,962 parameters for RGB and ten classes. Names are those of kuangliu/pytorch-cifar (also RobustBench's
 * checkpoints), initialisation is PyTorch's default, as there.
 */
export const cifarResnet18: Architecture = {
  title: "CIFAR ResNet-18 (projection shortcuts)",
  build(builder, { inputShape, classCount, mean, std }) {
    const image = builder.image(...inputShape);
    let x = builder.relu(convNorm(builder, ["conv1", "bn1"], builder.normalise(image, mean, std), 64, 3));
    for (const [stage, width] of [[1, 64], [2, 128], [3, 256], [4, 512]] as const) {
      for (let i = 0; i < 2; i++) x = block(builder, x, `layer${stage}.${i}`, width, stage > 1 && i === 0 ? 2 : 1);
    }
    return { image, logits: dense(builder, "linear", builder.flatten(builder.globalAveragePool(x)), classCount) };
  },
};

/** Where the shape changes, the shortcut is a 1×1 convolution and its norm (He et al., option B). */
function block(builder: GraphBuilder, x: Value, name: string, width: number, stride: number): Value {
  const a = builder.relu(convNorm(builder, [`${name}.conv1`, `${name}.bn1`], x, width, 3, { stride }));
  const b = convNorm(builder, [`${name}.conv2`, `${name}.bn2`], a, width, 3);
  const shortcut = stride === 1 ? x : convNorm(builder, [`${name}.shortcut.0`, `${name}.shortcut.1`], x, width, 1, { stride });
  return builder.relu(builder.add(b, shortcut));
}
