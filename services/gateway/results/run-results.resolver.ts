import { Arg, Args, Ctx, FieldResolver, Resolver, Root } from "type-graphql";
import { z } from "zod";

import type { Connection } from "../../../schema/graphql/paging.ts";
import { ArtifactConnection, ArtifactsArgs, AttackSummaryType, ImageResultConnection, ImageResultsArgs, InequalitySummaryType, MetricSeriesType, ModelAccuracyType, PredictionType } from "../../../schema/graphql/results.type.ts";
import { RunType } from "../../../schema/graphql/run.type.ts";
import type { AttackSummary } from "../../../schema/jobs/results.ts";
import { type ArtifactRow, type ImageResultRow, listArtifacts, listImageResults, metricsOf } from "../../store/queries/results.query.ts";
import type { RunRow } from "../../store/queries/runs.query.ts";
import { invariant } from "../../common/errors.ts";
import { classNamesOf } from "../models/class-names.ts";
import type { GatewayContext } from "../context.ts";
import { checkFirst, connection, decodeCursor, encodeCursor } from "../cursor.ts";
import { requireId } from "../require-id.ts";
import { viewAttribution, viewMeasure } from "./measure-view.ts";

const artifactKey = z.tuple([z.int().min(0)]);

@Resolver(() => RunType)
export class RunResultsResolver {
  @FieldResolver(() => [MetricSeriesType], { description: "By name of the series." })
  async metrics(@Root() run: RunRow, @Arg("series", () => [String], { nullable: true, description: "Only these; all when absent." }) series: string[] | null, @Ctx() { database }: GatewayContext): Promise<MetricSeriesType[]> {
    const columns = new Map<string, MetricSeriesType>();
    for (const row of await metricsOf(database.db, run.id, series ?? undefined)) {
      const column = columns.get(row.series) ?? { series: row.series, steps: [], values: [], diverged: false };
      columns.set(row.series, column);
      column.steps.push(row.step);
      column.values.push(row.value);
      if (row.value === null) column.diverged = true;
    }
    return [...columns.values()];
  }

  @FieldResolver(() => ImageResultConnection)
  async imageResults(@Root() run: RunRow, @Args(() => ImageResultsArgs) { first, after, measure, modelId, sort }: ImageResultsArgs, @Ctx() { database }: GatewayContext): Promise<Connection<ImageResultRow>> {
    const filter = { measure: measure ?? undefined, modelId: modelId == null ? undefined : requireId(modelId, "modelId", "model") };
    // The order is part of the cursor: with another one it would point nowhere.
    const key = z.tuple([z.literal(sort.by), z.literal(sort.direction), z.number().nullable(), z.int()]);
    const [, , value, id] = decodeCursor(after, key) ?? [];
    const rows = await listImageResults(database.db, run.id, filter, sort, checkFirst(first) + 1, id === undefined ? undefined : { value: value ?? null, id });
    return connection(rows, first, (row) => encodeCursor([sort.by, sort.direction, sort.by === "image" ? row.image : row.value, row.id]));
  }

  @FieldResolver(() => [InequalitySummaryType], { description: "By measure, then model." })
  async inequality(@Root() run: RunRow, @Ctx() { loaders }: GatewayContext): Promise<InequalitySummaryType[]> {
    return (await loaders.inequality.load(run.id)).map(({ summary }) => ({ ...summary, attribution: viewAttribution(summary.attribution), measure: viewMeasure(summary.measure) }));
  }

  @FieldResolver(() => [AttackSummaryType], { description: "In the order in which they were asked for." })
  async attacks(@Root() run: RunRow, @Ctx() { loaders }: GatewayContext): Promise<AttackSummary[]> {
    return (await loaders.attacks.load(run.id)).map(({ summary }) => summary);
  }

  @FieldResolver(() => [PredictionType], { description: "Of PREDICT, by image." })
  async predictions(@Root() run: RunRow, @Ctx() { loaders }: GatewayContext): Promise<PredictionType[]> {
    return Promise.all((await loaders.predictions.load(run.id)).map(async ({ modelId, image, label, top }) => {
      const model = await loaders.model.load(modelId);
      invariant(model, `a prediction names model ${modelId}, which has no row`);
      const names = await classNamesOf(model, loaders);
      return { image, label, top: top.map((each) => ({ ...each, name: names[each.class] ?? String(each.class) })) };
    }));
  }

  @FieldResolver(() => [ModelAccuracyType])
  accuracies(@Root() run: RunRow, @Ctx() { loaders }: GatewayContext): Promise<ModelAccuracyType[]> {
    return loaders.accuracies.load(run.id);
  }

  @FieldResolver(() => ArtifactConnection, { description: "Maps, heat maps and adversarial examples, in the order in which they were made." })
  async artifacts(@Root() run: RunRow, @Args(() => ArtifactsArgs) { first, after, kind, measure, modelId }: ArtifactsArgs, @Ctx() { database }: GatewayContext): Promise<Connection<ArtifactRow>> {
    const filter = { kind: kind ?? undefined, measure: measure ?? undefined, modelId: modelId == null ? undefined : requireId(modelId, "modelId", "model") };
    const rows = await listArtifacts(database.db, run.id, filter, checkFirst(first) + 1, decodeCursor(after, artifactKey)?.[0]);
    return connection(rows, first, (row) => encodeCursor([row.id]));
  }
}
