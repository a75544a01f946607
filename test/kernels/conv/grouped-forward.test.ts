import { describeForward, GROUPED, SUBGROUP8, TILED } from "./suite.ts";

const variant = { name: "conv/grouped-forward", family: TILED, kernel: "grouped", cases: GROUPED };
describeForward(variant);
describeForward({ ...variant, name: "conv/grouped-forward, w as a texture", family: SUBGROUP8, textures: ["w"] });
describeForward({ ...variant, name: "conv/grouped-forward, x and w as textures", family: SUBGROUP8, textures: ["x", "w"] });
