import { DENSE, describeForward, describeGradInput, TILED } from "./suite.ts";

const variant = { name: "conv/implicit-gemm-tiled", family: TILED, cases: DENSE };
describeForward(variant);
describeGradInput(variant);
