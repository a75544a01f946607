import { Ctx, FieldResolver, Float, Resolver, Root } from "type-graphql";

import { ArtifactType } from "../../../schema/graphql/results.type.ts";
import { invariant } from "../../common/errors.ts";
import type { BlobRow } from "../../store/queries/blobs.query.ts";
import type { ArtifactRow } from "../../store/queries/results.query.ts";
import type { GatewayContext } from "../context.ts";
import { blobUrl } from "../http/blob-url.ts";

@Resolver(() => ArtifactType)
export class ArtifactResolver {
  @FieldResolver(() => String, { description: "Path on this server; GET takes Range and answers with an ETag." })
  url(@Root() { sha256 }: ArtifactRow): string { return blobUrl(sha256); }

  @FieldResolver(() => String)
  async contentType(@Root() artifact: ArtifactRow, @Ctx() context: GatewayContext): Promise<string> {
    return (await blobOf(artifact, context)).contentType;
  }

  @FieldResolver(() => Float)
  async bytes(@Root() artifact: ArtifactRow, @Ctx() context: GatewayContext): Promise<number> {
    return (await blobOf(artifact, context)).bytes;
  }
}

async function blobOf({ sha256 }: ArtifactRow, { loaders }: GatewayContext): Promise<BlobRow> {
  const blob = await loaders.blob.load(sha256);
  invariant(blob, `an artifact names blob ${sha256}, which has no row`);
  return blob;
}
