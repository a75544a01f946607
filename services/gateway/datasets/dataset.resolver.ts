import { Arg, Ctx, Query, Resolver } from "type-graphql";

import { DatasetType } from "../../../schema/graphql/dataset.type.ts";
import { type DatasetRow, listDatasets } from "../../store/queries/datasets.query.ts";
import type { GatewayContext } from "../context.ts";

@Resolver(() => DatasetType)
export class DatasetResolver {
  @Query(() => [DatasetType], { description: "By name; those that are not available say what to install." })
  datasets(@Ctx() { database }: GatewayContext): Promise<DatasetRow[]> {
    return listDatasets(database.db);
  }

  @Query(() => DatasetType, { nullable: true, description: "Null when no agent has reported one of that name." })
  dataset(@Arg("name", () => String) name: string, @Ctx() { loaders }: GatewayContext): Promise<DatasetRow | undefined> {
    return loaders.dataset.load(name);
  }
}
