import { DENSE, describeForward, describeGradInput, SUBGROUP, SUBGROUP8 } from "./suite.ts";

const variant = { name: "conv/implicit-gemm-subgroup", family: SUBGROUP, kernel: "implicit-gemm", cases: DENSE };
describeForward(variant);
describeGradInput(variant);
describeForward({ ...variant, name: "conv/implicit-gemm-subgroup, w as a texture", family: SUBGROUP8, textures: ["w"] });
describeForward({ ...variant, name: "conv/implicit-gemm-subgroup, x and w as textures", family: SUBGROUP8, textures: ["x", "w"] });
describeGradInput({ ...variant, name: "conv/implicit-gemm-subgroup, dy and w as textures", family: SUBGROUP8, textures: ["dy", "w"] });
