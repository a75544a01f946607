import { describeGradWeight, GROUPED, SUBGROUP8, TILED } from "./suite.ts";

const variant = { name: "conv/grouped-grad-weight", family: TILED, kernel: "grouped", cases: GROUPED };
describeGradWeight(variant);
describeGradWeight({ ...variant, name: "conv/grouped-grad-weight, dy as a texture", family: SUBGROUP8, textures: ["dy"] });
describeGradWeight({ ...variant, name: "conv/grouped-grad-weight, x and dy as textures", family: SUBGROUP8, textures: ["x", "dy"] });
