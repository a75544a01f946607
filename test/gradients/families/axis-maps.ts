import { gather, pad, type PadMode, resize, slice } from "../../../services/engine/graph/axis-maps.ts";
import { operatorNetwork } from "./operator-network.ts";

export const axisMapNetworks = [
  operatorNetwork("slices with steps, and backwards", [4, 5, 6], (s, x) => {
    const { builder: b } = s;
    return s.conv(slice(b, slice(b, slice(b, x, 1, 0, 3), 2, 1, 5, 2), 3, -1, -100, -2), 2, 1);
  }),
  operatorNetwork("three parts of one value, as attention splits them", [6, 2, 2], (s, x, n) => {
    const { builder: b } = s;
    const y = b.reshape(s.conv(x, 12, 1), [n, 3, 4, 4]);
    const [q, k, v] = [0, 1, 2].map((i) => b.reshape(slice(b, y, 1, i, i + 1), [n, 4, 4]));
    return b.binary("mul", b.binary("add", q!, k!), v!);
  }),
  operatorNetwork("channels taken apart in fours, without leaving the activation", [3, 3, 3], (s, x) => { const y = s.conv(x, 8, 1); return s.conv(s.builder.add(slice(s.builder, y, 1, 0, 4), slice(s.builder, y, 1, 4, 8)), 2, 1); }),
  operatorNetwork("gathered more than once, and not at all", [3, 4, 3], (s, x) => s.conv(gather(s.builder, s.conv(x, 3, 1), 2, [0, 2, 2, -1]), 2, 1)),
  ...(["constant", "reflect", "edge"] satisfies PadMode[]).map((mode) => operatorNetwork(`${mode} padding of rows, columns and channels`, [3, 3, 3], (s, x) => s.conv(pad(s.builder, pad(s.builder, pad(s.builder, s.conv(x, 3, 1), 2, 2, 1, mode), 3, 0, 2, mode), 1, 1, 0, mode), 2, 2))),
  operatorNetwork("padding with another constant than 0, and cropping", [3, 3, 3], (s, x) => s.conv(pad(s.builder, pad(s.builder, s.conv(x, 4, 1), 2, 1, -1, "constant", 0.5), 3, 1, 1, "constant", -2), 2, 1)),
  ...(["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"] as const).map((coordinates) => operatorNetwork(`linear resizing, ${coordinates}`, [3, 3, 4], (s, x) => s.conv(resize(s.builder, resize(s.builder, s.conv(x, 4, 1), 2, 7, { mode: "linear", coordinates }), 3, 3, { mode: "linear", coordinates }), 2, 1))),
  operatorNetwork("nearest resizing", [3, 3, 4], (s, x) => s.conv(resize(s.builder, resize(s.builder, s.conv(x, 3, 1), 2, 6, { mode: "nearest", coordinates: "asymmetric", rounding: "floor" }), 3, 3, { mode: "nearest" }), 2, 1)),
];
