import type { Value } from "../../../engine/graph/graph.ts";
import { type Build, heUniform, type Layers, network, normal, PYTORCH, zero } from "./layers.ts";

/** Channels that a fire module squeezes to, and half of those that it expands to; "pool" halves the image. Each is a place in PyTorch's Sequential. */
type Place = readonly [squeeze: number, expand: number] | "pool";
const PLACES: readonly Place[] = ["pool", [16, 64], [16, 64], "pool", [32, 128], [32, 128], "pool", [48, 192], [48, 192], [64, 256], [64, 256]];
/** The first convolution and its ReLU stand before them. */
const FIRST_PLACE = 2;

/** Iandola et al. 2016, version 1.1, as torchvision has it. */
export const squeezenet: Build = network({ ...PYTORCH, conv: heUniform, convBias: zero }, (l, image, classCount) => {
  const stem = l.relu(l.conv("features.0", image, 64, 3, { stride: 2 }));
  const x = PLACES.reduce((y, place, i) => (place === "pool" ? l.graph.maxPool(y, { window: 3, stride: 2, ceilMode: true }) : fire(l, y, `features.${i + FIRST_PLACE}`, place)), stem);
  const scores = l.relu(l.conv("classifier.1", x, classCount, 1, { weight: normal(0.01) }));
  return l.graph.flatten(l.graph.globalAveragePool(scores));
});

function fire(l: Layers, x: Value, name: string, [squeeze, expand]: readonly [number, number]): Value {
  const a = l.relu(l.conv(`${name}.squeeze`, x, squeeze, 1));
  return l.graph.concat([l.relu(l.conv(`${name}.expand1x1`, a, expand, 1)), l.relu(l.conv(`${name}.expand3x3`, a, expand, 3, { padding: 1 }))], 1);
}
