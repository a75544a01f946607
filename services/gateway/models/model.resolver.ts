import { Arg, Args, Ctx, FieldResolver, ID, Mutation, Query, Resolver, Root } from "type-graphql";

import { DatasetType } from "../../../schema/graphql/dataset.type.ts";
import { ModelConnection, ModelFilter, ModelType, TrainingAdversaryType, WeightsType } from "../../../schema/graphql/model.type.ts";
import { type Connection, PageArgs } from "../../../schema/graphql/paging.ts";
import { RunType } from "../../../schema/graphql/run.type.ts";
import type { DatasetRow } from "../../store/queries/datasets.query.ts";
import { listModels, type ModelRow } from "../../store/queries/models.query.ts";
import type { RunRow } from "../../store/queries/runs.query.ts";
import { deleteModel } from "../../store/models.store.ts";
import { isId } from "../../common/ids.ts";
import type { GatewayContext } from "../context.ts";
import { checkFirst, connection, createdAtKey, cursorOfCreated, decodeCursor } from "../cursor.ts";
import { blobUrl } from "../http/blob-url.ts";
import { atField, requireId } from "../require-id.ts";
import { classNamesOf } from "./class-names.ts";

@Resolver(() => ModelType)
export class ModelResolver {
  @Query(() => ModelConnection, { description: "Newest first." })
  async models(@Arg("filter", () => ModelFilter, { nullable: true }) filter: ModelFilter | null, @Args(() => PageArgs) { first, after }: PageArgs, @Ctx() { database }: GatewayContext): Promise<Connection<ModelRow>> {
    const { dataset, architecture, nameContains, includeDeleted = false } = filter ?? {};
    const wanted = { dataset: dataset ?? undefined, architecture: architecture ?? undefined, nameContains: nameContains ?? undefined, includeDeleted };
    const rows = await listModels(database.db, wanted, checkFirst(first) + 1, decodeCursor(after, createdAtKey));
    return connection(rows, first, cursorOfCreated);
  }

  @Query(() => ModelType, { nullable: true, description: "Null when there is none; a deleted one is still found." })
  async model(@Arg("id", () => ID) id: string, @Ctx() { loaders }: GatewayContext): Promise<ModelRow | undefined> {
    const lower = id.toLowerCase();
    return isId(lower) ? loaders.model.load(lower) : undefined;
  }

  @Mutation(() => ModelType, { description: "Deletes the weights; the record and all results stay. MODEL_IN_USE while an unfinished run needs it. Again: nothing more." })
  deleteModel(@Arg("id", () => ID) id: string, @Ctx() { database, blobFolder }: GatewayContext): Promise<ModelRow> {
    return atField("id", deleteModel(database.db, blobFolder, requireId(id, "id", "model")));
  }

  @FieldResolver(() => DatasetType, { nullable: true, description: "What it was trained on or made for; null if it names none, or no agent knows the data set any more." })
  async dataset(@Root() model: ModelRow, @Ctx() { loaders }: GatewayContext): Promise<DatasetRow | undefined> {
    return model.dataset === null ? undefined : loaders.dataset.load(model.dataset);
  }

  @FieldResolver(() => [String], { description: "In order of its outputs; their numbers where it has no names." })
  classNames(@Root() model: ModelRow, @Ctx() { loaders }: GatewayContext): Promise<readonly string[]> {
    return classNamesOf(model, loaders);
  }

  @FieldResolver(() => RunType, { nullable: true, description: "Null for a model that was trained here." })
  async importRun(@Root() model: ModelRow, @Ctx() { loaders }: GatewayContext): Promise<RunRow | undefined> {
    return model.importRunId === null ? undefined : loaders.run.load(model.importRunId);
  }

  @FieldResolver(() => RunType, { nullable: true, description: "Null for a model that was not trained here." })
  async trainingRun(@Root() model: ModelRow, @Ctx() { loaders }: GatewayContext): Promise<RunRow | undefined> {
    return model.trainingRunId === null ? undefined : loaders.run.load(model.trainingRunId);
  }

  @FieldResolver(() => TrainingAdversaryType, { nullable: true, description: "Null for standard training." })
  async adversary(@Root() model: ModelRow, @Ctx() context: GatewayContext): Promise<TrainingAdversaryType | null> {
    const config = (await this.trainingRun(model, context))?.config;
    return config?.kind === "train" ? config.adversary ?? null : null;
  }

  @FieldResolver(() => WeightsType, { nullable: true, description: "Null once deleted." })
  weights(@Root() model: ModelRow): WeightsType | null {
    return model.weightsSha256 === null ? null : { url: blobUrl(model.weightsSha256), sha256: model.weightsSha256, bytes: model.weightsBytes };
  }
}
