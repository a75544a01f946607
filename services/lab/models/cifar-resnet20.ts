import type { GraphBuilder, Value } from "../../engine/graph/graph.ts";
import { type Architecture, dense } from "./architecture.ts";

/**
 * ResNet-20 for 32×32 images (He et al. 2016, section 4.2): 269,722 parameters for RGB and ten classes. Names and
 * initialisation are those of akamaster/pytorch_resnet_cifar10, so that its checkpoints load as they are.
 */
export const cifarResnet20: Architecture = {
  title: "CIFAR ResNet-20 (option A shortcuts)",
  build(builder, { inputShape, classCount, mean, std }) {
    const image = builder.image(...inputShape);
    let x = convBn(builder, builder.normalise(image, mean, std), "conv1", "bn1", 16, 1);
    x = builder.relu(x);
    for (const [stage, width] of [[1, 16], [2, 32], [3, 64]] as const) {
      for (let i = 0; i < 3; i++) x = block(builder, x, `layer${stage}.${i}`, width, stage > 1 && i === 0 ? 2 : 1);
    }
    const features = builder.flatten(builder.globalAveragePool(x));
    return { image, logits: dense(builder, "linear", features, classCount, heNormal(builder.shapeOf(features)[1]!)) };
  },
};

function block(builder: GraphBuilder, x: Value, name: string, width: number, stride: number): Value {
  const a = builder.relu(convBn(builder, x, `${name}.conv1`, `${name}.bn1`, width, stride));
  const b = convBn(builder, a, `${name}.conv2`, `${name}.bn2`, width, 1);
  return builder.relu(builder.add(b, stride === 1 ? x : shortcut(builder, x, `${name}.shortcut`, width)));
}

/** Option A: every second pixel, new channels filled with zeros on both sides. Written as a 1×1 convolution with fixed weights. */
function shortcut(builder: GraphBuilder, x: Value, name: string, width: number): Value {
  const c = builder.shapeOf(x)[1]!;
  const first = Math.floor(width / 4);
  const values = Array.from({ length: width * c }, (_, i) => (Math.floor(i / c) === (i % c) + first ? 1 : 0));
  return builder.conv2d(x, builder.frozen(name, [width, c, 1, 1], values), undefined, { stride: 2 });
}

function convBn(builder: GraphBuilder, x: Value, convName: string, bnName: string, k: number, stride: number): Value {
  const c = builder.shapeOf(x)[1]!;
  const y = builder.conv2d(x, builder.parameter(`${convName}.weight`, [k, c, 3, 3], heNormal(c * 9)), undefined, { stride, padding: 1 });
  return builder.batchNorm(
    y,
    builder.parameter(`${bnName}.weight`, [k], { kind: "constant", value: 1 }),
    builder.parameter(`${bnName}.bias`, [k], { kind: "constant", value: 0 }),
    builder.state(`${bnName}.running_mean`, [k], 0),
    builder.state(`${bnName}.running_var`, [k], 1),
  );
}

/** akamaster calls kaiming_normal_ with its default, which counts the inputs: N(0, √(2/fan in)). */
function heNormal(fanIn: number): { kind: "kaiming-normal"; fanOut: number } { return { kind: "kaiming-normal", fanOut: fanIn }; }
