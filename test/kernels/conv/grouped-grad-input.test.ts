import { describeGradInput, GROUPED, TILED } from "./suite.ts";

describeGradInput({ name: "conv/grouped-grad-input", family: TILED, cases: GROUPED });
