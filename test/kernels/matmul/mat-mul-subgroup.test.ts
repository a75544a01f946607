import { describeProducts } from "./suite.ts";

describeProducts("matmul/mat-mul-subgroup", ({ family }) => (family.kind === "subgroup" ? family : undefined));
