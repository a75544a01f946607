import { DENSE, describeGradWeight, SUBGROUP } from "./suite.ts";

describeGradWeight({ name: "conv/weight-gradient-subgroup", family: SUBGROUP, cases: DENSE });
