import { DENSE, describeGradWeight, TILED } from "./suite.ts";

describeGradWeight({ name: "conv/weight-gradient-tiled", family: TILED, cases: DENSE });
