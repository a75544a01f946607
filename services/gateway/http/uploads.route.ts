import type { Request, RequestHandler, Response } from "express";
import type { GraphQLFormattedError } from "graphql";

import { requireBlob } from "../../common/blob-files.ts";
import { AppError } from "../../common/errors.ts";
import { logger } from "../../common/log.ts";
import { receiveUpload, tooLarge, type UploadPart } from "../../common/upload-files.ts";
import { registerUpload } from "../../store/blobs.store.ts";
import { blobsByHashes } from "../../store/queries/blobs.query.ts";
import type { Services } from "../context.ts";
import { sendError } from "./http-error.ts";
import { isSameOrigin } from "./loopback.ts";

/** What an upload is served as: nothing that a browser would open. */
const CONTENT_TYPE = "application/octet-stream";
/** RFC 9110, 14.4 and 14.5: a PUT with Content-Range brings a part. It is what `curl -C offset -T file` sends. */
const CONTENT_RANGE = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/;
const SHA256 = /^[0-9a-f]{64}$/;

/**
 * PUT /blobs/:sha256: the file, or with Content-Range the part of it that begins where the stored bytes end, which HEAD tells
 * in Upload-Offset. 201: stored; 200: it was there; 202: this part is stored, more is to come; 409: the part begins elsewhere.
 */
export function receiveBlob(services: Services, formatError: (error: unknown) => GraphQLFormattedError): RequestHandler<{ sha256: string }> {
  return async (request, response) => {
    try {
      await receive(services, request, response);
    } catch (error) {
      if (request.socket.destroyed) {
        logger("gateway").info({ sha256: request.params.sha256 }, "an upload broke");
        return;
      }
      if (error instanceof AppError && typeof error.details["offset"] === "number") response.set("upload-offset", String(error.details["offset"]));
      sendError(response, formatError(error));
    }
  };
}

async function receive({ database: { db }, blobFolder, maxUploadBytes }: Services, request: Request<{ sha256: string }>, response: Response): Promise<void> {
  const { sha256 } = request.params;
  const part = partOf(request, maxUploadBytes);
  const [known] = await blobsByHashes(db, [sha256]);
  if (known && await isStored(blobFolder, known)) {
    await registerUpload(db, known, () => requireBlob(blobFolder, known)); // swept meanwhile: refused, and brought again
    response.status(200).set("upload-offset", String(known.bytes)).json({ sha256, bytes: known.bytes });
    return;
  }
  if (request.headers.expect !== undefined) response.writeContinue();
  // Not the default iterator: it would close the connection before an error can be sent.
  const { bytes, publish, discard } = await receiveUpload(blobFolder, sha256, request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>, part);
  if (publish) {
    await registerUpload(db, { sha256, bytes, contentType: CONTENT_TYPE }, publish).catch(async (error: unknown) => {
      await discard?.();
      throw error;
    });
  }
  response.status(publish ? 201 : 202).set("upload-offset", String(bytes)).json({ sha256, bytes });
}

/** What can be refused before a byte is read. @throws AppError INVALID_INPUT, UPLOAD_TOO_LARGE. */
function partOf(request: Request<{ sha256: string }>, maxBytes: number): UploadPart {
  const wrong = (field: string, expected: string, got: unknown): never => {
    throw new AppError("INVALID_INPUT", `${field}: expected ${expected}, got ${JSON.stringify(got)}`, { field });
  };
  const { origin, host } = request.headers;
  if (!isSameOrigin(origin, host)) wrong("Origin", "this server's own, or none", origin);
  if (!SHA256.test(request.params.sha256)) wrong("sha256", "64 lower-case hexadecimal digits", request.params.sha256.slice(0, 80));
  const encoding = request.get("content-encoding");
  if (encoding !== undefined && encoding !== "identity") wrong("Content-Encoding", "none", encoding);
  const [length, range] = [request.get("content-length"), request.get("content-range")];
  if (range === undefined) {
    if (Number(length ?? 0) > maxBytes) throw tooLarge(Number(length), maxBytes);
    return { first: 0, maxBytes };
  }
  const [first, last, total] = (CONTENT_RANGE.exec(range) ?? wrong("Content-Range", '"bytes first-last/total"', range)).slice(1).map(Number) as [number, number, number];
  if (first > last || last >= total) wrong("Content-Range", "first ≤ last < total", range);
  if (total > maxBytes) throw tooLarge(total, maxBytes);
  if (length !== undefined && Number(length) !== last + 1 - first) wrong("Content-Length", `${last + 1 - first}, as Content-Range says`, length);
  return { first, end: last + 1, total, maxBytes };
}

/** A row whose file has gone does not count: the upload mends it. */
async function isStored(folder: string, blob: { readonly sha256: string; readonly bytes: number }): Promise<boolean> {
  return requireBlob(folder, blob).then(() => true, (error: unknown) => {
    if (error instanceof AppError && error.code === "BLOB_CORRUPT") return false;
    throw error;
  });
}
