import { describeGradWeight, GROUPED, TILED } from "./suite.ts";

describeGradWeight({ name: "conv/grouped-grad-weight", family: TILED, cases: GROUPED });
