import type { GraphBuilder, Initialiser, Value } from "../../engine/graph/graph.ts";
import { type Architecture, convNorm, dense } from "./architecture.ts";

/**
 * ResNet-20 for 32×32 images (He et al. 2016, section 4.2): 269,722 parameters for RGB and ten classes. Names and
 * initialisation are those of akamaster/pytorch_resnet_cifar10, so that its checkpoints load as they are.
 */
export const cifarResnet20: Architecture = {
  title: "CIFAR ResNet-20 (option A shortcuts)",
  build(builder, { inputShape, classCount, mean, std }) {
    const image = builder.image(...inputShape);
    let x = builder.relu(convNorm(builder, ["conv1", "bn1"], builder.normalise(image, mean, std), 16, 3, { initialiser: heNormal }));
    for (const [stage, width] of [[1, 16], [2, 32], [3, 64]] as const) {
      for (let i = 0; i < 3; i++) x = block(builder, x, `layer${stage}.${i}`, width, stage > 1 && i === 0 ? 2 : 1);
    }
    const features = builder.flatten(builder.globalAveragePool(x));
    return { image, logits: dense(builder, "linear", features, classCount, heNormal(builder.shapeOf(features)[1]!)) };
  },
};

function block(builder: GraphBuilder, x: Value, name: string, width: number, stride: number): Value {
  const a = builder.relu(convNorm(builder, [`${name}.conv1`, `${name}.bn1`], x, width, 3, { stride, initialiser: heNormal }));
  const b = convNorm(builder, [`${name}.conv2`, `${name}.bn2`], a, width, 3, { initialiser: heNormal });
  return builder.relu(builder.add(b, stride === 1 ? x : shortcut(builder, x, `${name}.shortcut`, width)));
}

/** Option A: every second pixel, new channels filled with zeros on both sides. Written as a 1×1 convolution with fixed weights. */
function shortcut(builder: GraphBuilder, x: Value, name: string, width: number): Value {
  const c = builder.shapeOf(x)[1]!;
  const first = Math.floor(width / 4);
  const values = Array.from({ length: width * c }, (_, i) => (Math.floor(i / c) === (i % c) + first ? 1 : 0));
  return builder.conv2d(x, builder.frozen(name, [width, c, 1, 1], values), undefined, { stride: 2 });
}

/** akamaster calls kaiming_normal_ with its default, which counts the inputs: N(0, √(2/fan in)). */
function heNormal(fanIn: number): Initialiser { return { kind: "kaiming-normal", fanOut: fanIn }; }
