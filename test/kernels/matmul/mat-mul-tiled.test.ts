import { describeProducts } from "./suite.ts";

describeProducts("matmul/mat-mul-tiled", () => ({ kind: "workgroup" }));
