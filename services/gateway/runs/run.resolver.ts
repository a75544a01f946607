import { Arg, Args, Ctx, FieldResolver, ID, Query, Resolver, Root } from "type-graphql";

import { entryOf } from "../../../schema/errors.ts";
import { DatasetType } from "../../../schema/graphql/dataset.type.ts";
import { ModelType } from "../../../schema/graphql/model.type.ts";
import type { Connection } from "../../../schema/graphql/paging.ts";
import { EVENTS_LIMIT, EventsArgs, ExportedFileType, KernelVariantsType, RunConnection, RunErrorType, RunEventType, RunsArgs, RunType } from "../../../schema/graphql/run.type.ts";
import { AppError } from "../../common/errors.ts";
import { isId } from "../../common/ids.ts";
import { readEvents, type RunEventRow } from "../../store/events.store.ts";
import type { DatasetRow } from "../../store/queries/datasets.query.ts";
import type { ModelRow } from "../../store/queries/models.query.ts";
import { listRuns, type RunRow } from "../../store/queries/runs.query.ts";
import type { GatewayContext } from "../context.ts";
import { checkFirst, connection, createdAtKey, cursorOfCreated, decodeCursor } from "../cursor.ts";
import { blobUrl } from "../http/blob-url.ts";
import { requireId } from "../require-id.ts";

@Resolver(() => RunType)
export class RunResolver {
  @Query(() => RunConnection, { description: "Newest first." })
  async runs(@Args(() => RunsArgs) { first, after, kind, status, modelId }: RunsArgs, @Ctx() { database }: GatewayContext): Promise<Connection<RunRow>> {
    const filter = { kind: kind ?? undefined, status: status ?? undefined, modelId: modelId == null ? undefined : requireId(modelId, "modelId", "model") };
    const rows = await listRuns(database.db, filter, checkFirst(first) + 1, decodeCursor(after, createdAtKey));
    return connection(rows, first, cursorOfCreated);
  }

  @Query(() => RunType, { nullable: true, description: "Null when there is none." })
  async run(@Arg("id", () => ID) id: string, @Ctx() { loaders }: GatewayContext): Promise<RunRow | undefined> {
    const lower = id.toLowerCase();
    return isId(lower) ? loaders.run.load(lower) : undefined;
  }

  @FieldResolver(() => RunErrorType, { nullable: true, description: "Null unless it failed." })
  error(@Root() run: RunRow): RunErrorType | null {
    if (run.errorCode === null) return null;
    // Those of our own errors are for logs: stacks, causes.
    const details = entryOf(run.errorCode).audience === "caller" ? run.errorDetails : null;
    return { code: run.errorCode, message: run.errorMessage ?? "", details };
  }

  @FieldResolver(() => [KernelVariantsType], { description: "What computed its numbers; told when an attempt ends." })
  kernelVariants(@Root() run: RunRow): KernelVariantsType[] {
    return Object.entries(run.kernelVariants ?? {}).map(([product, variants]) => ({ product, variants }));
  }

  @FieldResolver(() => DatasetType, { nullable: true, description: "What it works on, or registers; null if it names none, has not registered it yet, or no agent knows the data set any more." })
  async dataset(@Root() run: RunRow, @Ctx() { loaders }: GatewayContext): Promise<DatasetRow | undefined> {
    return run.dataset === null ? undefined : loaders.dataset.load(run.dataset);
  }

  @FieldResolver(() => [ModelType], { description: "The models it reads, in the order asked for." })
  models(@Root() run: RunRow, @Ctx() context: GatewayContext): Promise<ModelRow[]> {
    return modelsWithRole(run, "subject", context);
  }

  @FieldResolver(() => ModelType, { nullable: true, description: "The model it made; null until it has, and for other kinds than TRAIN and IMPORT_MODEL." })
  async product(@Root() run: RunRow, @Ctx() context: GatewayContext): Promise<ModelRow | undefined> {
    return (await modelsWithRole(run, "product", context))[0];
  }

  @FieldResolver(() => ExportedFileType, { nullable: true, description: "What EXPORT_MODEL made; null until it has, once the model is deleted, and for other kinds." })
  async exportedFile(@Root() run: RunRow, @Ctx() { loaders }: GatewayContext): Promise<ExportedFileType | undefined> {
    const [file] = await loaders.runProducts.load(run.id);
    return file && { url: blobUrl(file.sha256), sha256: file.sha256, bytes: file.bytes };
  }

  @FieldResolver(() => [RunEventType], { description: "Its log so far; the subscription `runEvents` goes on from there." })
  events(@Root() run: RunRow, @Args(() => EventsArgs) { after, first }: EventsArgs, @Ctx() { database }: GatewayContext): Promise<RunEventRow[]> {
    if (after < 0) throw new AppError("INVALID_INPUT", `after: expected at least 0, got ${after}`, { field: "after" });
    return readEvents(database.db, run.id, after, checkFirst(first, EVENTS_LIMIT));
  }
}

async function modelsWithRole(run: RunRow, role: "subject" | "product", { loaders }: GatewayContext): Promise<ModelRow[]> {
  const links = (await loaders.runModels.load(run.id)).filter((link) => link.role === role);
  const models = await Promise.all(links.map((link) => loaders.model.load(link.modelId)));
  return models.filter((model) => model !== undefined);
}
