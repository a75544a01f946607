import { bigint, index, pgTable, text, uuid } from "drizzle-orm/pg-core";

import { at } from "./columns.ts";

/** Content-addressed files that rows refer to; the bytes lie in the blob folder, never in SQL. */
export const blobs = pgTable("blobs", {
  sha256: text("sha256").primaryKey(),
  bytes: bigint("bytes", { mode: "number" }).notNull(),
  contentType: text("content_type").notNull(),
  /** Run that first made it; null for uploads. */
  runId: uuid("run_id"),
  /** When a client brought it last: until UPLOAD_KEPT_HOURS later it stays even if nothing refers to it. null: never. */
  uploadedAt: at("uploaded_at"),
  createdAt: at("created_at").notNull().defaultNow(),
}, (t) => [index("blobs_run_id_idx").on(t.runId), index("blobs_uploaded_at_idx").on(t.uploadedAt)]);
