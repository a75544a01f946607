import { describeGradInput, NARROW, SUBGROUP8 } from "./suite.ts";

describeGradInput({ name: "conv/narrow-grad-input-subgroup", family: SUBGROUP8, kernel: "narrow", cases: NARROW });
describeGradInput({ name: "conv/narrow-grad-input-subgroup, dy as a texture", family: SUBGROUP8, kernel: "narrow", textures: ["dy"], cases: NARROW });
