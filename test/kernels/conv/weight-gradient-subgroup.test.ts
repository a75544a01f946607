import { DENSE, describeGradWeight, SUBGROUP, SUBGROUP8 } from "./suite.ts";

const variant = { name: "conv/weight-gradient-subgroup", family: SUBGROUP, kernel: "implicit-gemm", cases: DENSE };
describeGradWeight(variant);
describeGradWeight({ ...variant, name: "conv/weight-gradient-subgroup, dy as a texture", family: SUBGROUP8, textures: ["dy"] });
describeGradWeight({ ...variant, name: "conv/weight-gradient-subgroup, x and dy as textures", family: SUBGROUP8, textures: ["x", "dy"] });
