import { type ClassType, Ctx, FieldResolver, Resolver, Root } from "type-graphql";

import { ComparisonRowType } from "../../../schema/graphql/comparison.type.ts";
import { ModelType } from "../../../schema/graphql/model.type.ts";
import { ArtifactType, AttackSummaryType, ImageResultType, InequalitySummaryType, ModelAccuracyType } from "../../../schema/graphql/results.type.ts";
import { invariant } from "../../common/errors.ts";
import type { ModelRow } from "../../store/queries/models.query.ts";
import type { GatewayContext } from "../context.ts";

/** The field `model` of a type whose rows have a `modelId`; looked up in one query for all rows of an operation. */
function modelOf(type: ClassType): new () => object {
  @Resolver(() => type)
  class ModelOfResolver {
    @FieldResolver(() => ModelType)
    async model(@Root() { modelId }: { modelId: string }, @Ctx() { loaders }: GatewayContext): Promise<ModelRow> {
      const model = await loaders.model.load(modelId);
      invariant(model, `a result names model ${modelId}, which has no row`);
      return model;
    }
  }
  return ModelOfResolver;
}

export const modelOfResolvers = [InequalitySummaryType, AttackSummaryType, ModelAccuracyType, ImageResultType, ArtifactType, ComparisonRowType].map(modelOf);
