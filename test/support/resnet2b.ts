import type { GraphBuilder, Value } from "../../services/engine/graph/graph.ts";
import { type Architecture, conv, dense } from "../../services/lab/models/architecture.ts";

/** ResNet-2B of alpha-beta-CROWN (github.com/Verified-Intelligence/alpha-beta-CROWN): no batch norm, biases everywhere. */
export const resnet2b: Architecture = {
  title: "ResNet-2B",
  build(builder, { inputShape, classCount, mean, std }) {
    const image = builder.image(...inputShape);
    let x = builder.relu(conv(builder, "conv1", builder.normalise(image, mean, std), 8, 3, { stride: 2, padding: 1 }));
    x = block(builder, x, "layer1.0", 2);
    x = block(builder, x, "layer1.1", 1);
    const hidden = builder.relu(dense(builder, "linear1", builder.flatten(x), 100));
    return { image, logits: dense(builder, "linear2", hidden, classCount) };
  },
};

function block(builder: GraphBuilder, x: Value, name: string, stride: number): Value {
  const a = builder.relu(conv(builder, `${name}.conv1`, x, 16, 3, { stride, padding: 1 }));
  const b = conv(builder, `${name}.conv2`, a, 16, 3, { padding: 1 });
  return builder.relu(builder.add(b, stride === 1 ? x : conv(builder, `${name}.shortcut.0`, x, 16, 1, { stride })));
}
