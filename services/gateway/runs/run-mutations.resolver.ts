import { Arg, Ctx, ID, Mutation, Resolver } from "type-graphql";

import { AttackModelInput, AttributeImagesInput, AuditInput, MeasureInequalityInput } from "../../../schema/graphql/evaluate-model.input.ts";
import { RunType } from "../../../schema/graphql/run.type.ts";
import { TrainModelInput } from "../../../schema/graphql/train-model.input.ts";
import { requestCancel } from "../../store/runs.store.ts";
import type { RunRow } from "../../store/queries/runs.query.ts";
import type { GatewayContext } from "../context.ts";
import { atField, requireId } from "../require-id.ts";
import { startRun } from "./start-run.use-case.ts";

@Resolver(() => RunType)
export class RunMutations {
  @Mutation(() => RunType, { description: "Trains a network; the model is the run's `product`." })
  trainModel(@Arg("input", () => TrainModelInput) input: TrainModelInput, @Ctx() context: GatewayContext): Promise<RunRow> {
    return startRun(context, "train", input);
  }

  @Mutation(() => RunType, { description: "Attributes a model's predictions to sub-pixels; the maps are the run's artifacts." })
  attributeImages(@Arg("input", () => AttributeImagesInput) input: AttributeImagesInput, @Ctx() context: GatewayContext): Promise<RunRow> {
    return startRun(context, "attribute", input);
  }

  @Mutation(() => RunType, { description: "Measures how unequal a model's attributions are." })
  measureInequality(@Arg("input", () => MeasureInequalityInput) input: MeasureInequalityInput, @Ctx() context: GatewayContext): Promise<RunRow> {
    return startRun(context, "inequality", input);
  }

  @Mutation(() => RunType, { description: "Attacks a model, with the control at random places where the attack has places." })
  attackModel(@Arg("input", () => AttackModelInput) input: AttackModelInput, @Ctx() context: GatewayContext): Promise<RunRow> {
    return startRun(context, "attack", input);
  }

  @Mutation(() => RunType, { description: "The whole protocol over several models on the same images, all correct under all models; query `compare` has its table." })
  audit(@Arg("input", () => AuditInput) input: AuditInput, @Ctx() context: GatewayContext): Promise<RunRow> {
    return startRun(context, "audit", input);
  }

  @Mutation(() => RunType, { description: "A queued run is cancelled at once, a running one soon. Again: nothing more. CONFLICT if it has succeeded or failed." })
  cancelRun(@Arg("id", () => ID) id: string, @Ctx() { database }: GatewayContext): Promise<RunRow> {
    return atField("id", requestCancel(database, requireId(id, "id", "run")));
  }
}
