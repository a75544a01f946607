import { Arg, Ctx, Mutation, Resolver } from "type-graphql";

import { ExportModelInput, ImportModelInput, PredictInput } from "../../../schema/graphql/import-model.input.ts";
import { RegisterDatasetInput } from "../../../schema/graphql/register-dataset.input.ts";
import { RunType } from "../../../schema/graphql/run.type.ts";
import type { RunRow } from "../../store/queries/runs.query.ts";
import type { GatewayContext } from "../context.ts";
import { storeSentImages } from "./sent-images.ts";
import { startRun } from "./start-run.use-case.ts";

@Resolver(() => RunType)
export class ImportMutations {
  @Mutation(() => RunType, { description: "Reads a network from an upload or a local file, checks it, and measures its golden; the model is the run's `product`. A run that fails leaves nothing." })
  importModel(@Arg("input", () => ImportModelInput) input: ImportModelInput, @Ctx() context: GatewayContext): Promise<RunRow> {
    return startRun(context, "import-model", input);
  }

  @Mutation(() => RunType, { description: "Reads a data set in full once and registers it under its name; it is then the run's `dataset`. A run that fails leaves nothing." })
  registerDataset(@Arg("input", () => RegisterDatasetInput) input: RegisterDatasetInput, @Ctx() context: GatewayContext): Promise<RunRow> {
    return startRun(context, "register-dataset", input);
  }

  @Mutation(() => RunType, { description: "Writes a model as a file that other tools read; it is the run's `exportedFile`." })
  exportModel(@Arg("input", () => ExportModelInput) input: ExportModelInput, @Ctx() context: GatewayContext): Promise<RunRow> {
    return startRun(context, "export-model", input);
  }

  @Mutation(() => RunType, { description: "A quick look at what a model makes of a few images: the run's `predictions`." })
  async predict(@Arg("input", () => PredictInput) input: PredictInput, @Ctx() context: GatewayContext): Promise<RunRow> {
    return startRun(context, "predict", await storeSentImages(context, input));
  }
}
