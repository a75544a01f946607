import { type Build, network, PYTORCH } from "./layers.ts";

/** Two strided convolutions and two linear layers: 1.2 MFLOP on 28×28, small enough to train on a processor in a minute. */
export const tinyCnn: Build = network(PYTORCH, (l, x, classCount) => {
  const a = l.relu(l.conv("conv1", x, 16, 4, { stride: 2, padding: 1 }));
  const b = l.relu(l.conv("conv2", a, 32, 4, { stride: 2, padding: 1 }));
  const c = l.relu(l.dense("fc1", l.graph.flatten(b), 100));
  return l.dense("fc2", c, classCount);
});
