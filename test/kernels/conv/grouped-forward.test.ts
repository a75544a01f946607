import { describeForward, GROUPED, TILED } from "./suite.ts";

describeForward({ name: "conv/grouped-forward", family: TILED, cases: GROUPED });
