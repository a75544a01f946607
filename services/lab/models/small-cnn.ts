import { type Architecture, conv, dense } from "./architecture.ts";

/** Two 3×3 convolutions, one pooling, two linear layers: 32.6 MFLOP on 28×28. The network that speed is measured on. */
export const smallCnn: Architecture = {
  title: "Small CNN (2 convolutions, 32 and 64 channels, max pooling, hidden layer of 128)",
  build(builder, { inputShape, classCount, mean, std }) {
    const image = builder.image(...inputShape);
    const x = builder.normalise(image, mean, std);
    const a = builder.relu(conv(builder, "conv1", x, 32, 3, { padding: 1 }));
    const b = builder.relu(conv(builder, "conv2", a, 64, 3, { padding: 1 }));
    const c = builder.relu(dense(builder, "fc1", builder.flatten(builder.maxPool(b, { window: 2 })), 128));
    return { image, logits: dense(builder, "fc2", c, classCount) };
  },
};
