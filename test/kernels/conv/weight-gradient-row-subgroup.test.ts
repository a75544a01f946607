import { describeGradWeight, FILTER_ROWS, SUBGROUP8 } from "./suite.ts";

describeGradWeight({ name: "conv/weight-gradient-row-subgroup", family: SUBGROUP8, kernel: "filter-row", cases: FILTER_ROWS });
describeGradWeight({ name: "conv/weight-gradient-row-subgroup, dy as a texture", family: SUBGROUP8, kernel: "filter-row", textures: ["dy"], cases: FILTER_ROWS });
describeGradWeight({ name: "conv/weight-gradient-row-subgroup, x and dy as textures", family: SUBGROUP8, kernel: "filter-row", textures: ["x", "dy"], cases: FILTER_ROWS });
