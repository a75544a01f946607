import type { ImageFilesInput, PredictInput } from "../../../schema/graphql/import-model.input.ts";
import { writeBlob } from "../../common/blob-files.ts";
import { registerUpload } from "../../store/blobs.store.ts";
import type { Services } from "../context.ts";
import { invalidInput } from "./config-from-input.ts";

const MOST_IMAGES = 16;
const MOST_BYTES = 2 ** 20;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

type WithFiles = Omit<PredictInput, "images"> & { images: Omit<PredictInput["images"], "data"> };

/** Makes uploads of pictures that came in the request itself, without looking into them. @throws AppError INVALID_INPUT. */
export async function storeSentImages({ database, blobFolder }: Pick<Services, "database" | "blobFolder">, input: PredictInput): Promise<WithFiles> {
  const { data, ...others } = input.images;
  if (!data) return { ...input, images: others };
  const { base64, transform } = data;
  if (base64.length < 1 || base64.length > MOST_IMAGES) throw invalidInput([{ field: "input.images.data.base64", message: `expected 1 to ${MOST_IMAGES} pictures, got ${base64.length}; upload more with PUT /blobs` }]);
  const pictures = base64.map(decode);
  const files: ImageFilesInput["files"] = [];
  for (const bytes of pictures) {
    const blob = await writeBlob(blobFolder, bytes, "application/octet-stream");
    await registerUpload(database.db, blob);
    files.push({ sha256: blob.sha256 });
  }
  return { ...input, images: { files: { files, transform: transform ?? null } } };
}

function decode(text: string, i: number): Uint8Array {
  const field = `input.images.data.base64.${i}`;
  if (!BASE64.test(text) || text.length % 4 !== 0) throw invalidInput([{ field, message: "expected base64 with its padding, got something else" }]);
  const bytes = Buffer.from(text, "base64");
  if (bytes.byteLength > MOST_BYTES) throw invalidInput([{ field, message: `expected at most ${MOST_BYTES} bytes, got ${bytes.byteLength}; upload it with PUT /blobs` }]);
  return bytes;
}
