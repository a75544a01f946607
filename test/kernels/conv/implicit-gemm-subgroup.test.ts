import { DENSE, describeForward, describeGradInput, SUBGROUP } from "./suite.ts";

const variant = { name: "conv/implicit-gemm-subgroup", family: SUBGROUP, cases: DENSE };
describeForward(variant);
describeGradInput(variant);
