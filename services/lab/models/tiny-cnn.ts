import { type Architecture, conv, dense } from "./architecture.ts";

/** Two strided convolutions and two linear layers: 1.2 MFLOP on 28×28, small enough to train on a processor in a minute. */
export const tinyCnn: Architecture = {
  title: "Tiny CNN (2 strided convolutions, 16 and 32 channels, hidden layer of 100)",
  build(builder, { inputShape, classCount, mean, std }) {
    const image = builder.image(...inputShape);
    const x = builder.normalise(image, mean, std);
    const a = builder.relu(conv(builder, "conv1", x, 16, 4, { stride: 2, padding: 1 }));
    const b = builder.relu(conv(builder, "conv2", a, 32, 4, { stride: 2, padding: 1 }));
    const c = builder.relu(dense(builder, "fc1", builder.flatten(b), 100));
    return { image, logits: dense(builder, "fc2", c, classCount) };
  },
};
