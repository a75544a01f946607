import { pipeline } from "node:stream/promises";
import type { Request, RequestHandler, Response } from "express";
import type { GraphQLFormattedError } from "graphql";

import { AppError } from "../../common/errors.ts";
import { openBlob } from "../../common/blob-files.ts";
import { keptBytes } from "../../common/upload-files.ts";
import type { Db } from "../../store/database.ts";
import { blobsByHashes } from "../../store/queries/blobs.query.ts";
import { sendError } from "./http-error.ts";
import { parseRange } from "./range.ts";

const SHA256 = /^[0-9a-f]{64}$/;

/** GET and HEAD /blobs/:sha256, with Range (one), If-Range, ETag and If-None-Match; HEAD has Upload-Offset, the bytes stored so far, also where it is a 404. The bytes of a name never change. */
export function serveBlob(db: Db, folder: string, formatError: (error: unknown) => GraphQLFormattedError): RequestHandler<{ sha256: string }> {
  return async (request, response) => {
    try {
      await answer(db, folder, request, response);
    } catch (error) {
      // A client that goes away in the middle is no error of ours; and after the first byte there is no status to send.
      if (response.headersSent) response.destroy();
      else sendError(response, formatError(error));
    }
  };
}

async function answer(db: Db, folder: string, request: Request<{ sha256: string }>, response: Response): Promise<void> {
  const { sha256 } = request.params;
  // Only what a row knows is served: a file that is being written or was dropped is not there.
  const [blob] = SHA256.test(sha256) ? await blobsByHashes(db, [sha256]) : [];
  if (request.method === "HEAD" && SHA256.test(sha256)) response.set("upload-offset", String(blob?.bytes ?? await keptBytes(folder, sha256)));
  if (!blob) throw new AppError("NOT_FOUND", `blob: none with sha256 ${JSON.stringify(sha256.slice(0, 80))}`);
  const etag = `"${sha256}"`;
  response.set({
    etag, "cache-control": "public, max-age=31536000, immutable", "accept-ranges": "bytes", "content-type": blob.contentType,
    // What is stored may one day be an upload: never let a browser run it.
    "x-content-type-options": "nosniff", "content-security-policy": "default-src 'none'; sandbox",
  });
  if (matches(request.get("if-none-match"), etag)) {
    response.status(304).end();
    return;
  }
  const { file, bytes } = await openBlob(folder, sha256);
  try {
    const ifRange = request.get("if-range");
    const range = ifRange === undefined || ifRange === etag ? parseRange(request.get("range"), bytes) : "ignore";
    if (range === "unsatisfiable") {
      response.removeHeader("etag");
      response.set("content-range", `bytes */${bytes}`);
      throw new AppError("RANGE_NOT_SATISFIABLE", `blob: expected a byte range inside ${bytes} bytes, got ${JSON.stringify(request.get("range"))}`);
    }
    const { start, end } = range === "ignore" ? { start: 0, end: bytes - 1 } : range;
    if (range !== "ignore") response.status(206).set("content-range", `bytes ${start}-${end}/${bytes}`);
    response.set("content-length", String(end - start + 1));
    if (request.method === "HEAD" || bytes === 0) response.end();
    else await pipeline(file.createReadStream({ start, end, autoClose: false }), response);
  } finally {
    await file.close();
  }
}

function matches(header: string | undefined, etag: string): boolean {
  return header !== undefined && header.split(",").some((each) => each.trim() === "*" || each.trim().replace(/^W\//, "") === etag);
}
