import { describeForward, describeGradInput, FILTER_ROWS, SMALL_ROWS, SUBGROUP8 } from "./suite.ts";

const cases = { ...FILTER_ROWS, ...SMALL_ROWS };
describeForward({ name: "conv/filter-row-subgroup", family: SUBGROUP8, kernel: "filter-row", cases });
describeForward({ name: "conv/filter-row-subgroup, w as a texture", family: SUBGROUP8, kernel: "filter-row", textures: ["w"], cases });
describeForward({ name: "conv/filter-row-subgroup, x and w as textures", family: SUBGROUP8, kernel: "filter-row", textures: ["x", "w"], cases });
describeGradInput({ name: "conv/filter-row-subgroup", family: SUBGROUP8, kernel: "filter-row", cases });
describeGradInput({ name: "conv/filter-row-subgroup, dy and w as textures", family: SUBGROUP8, kernel: "filter-row", textures: ["dy", "w"], cases });
