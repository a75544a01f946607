import { boolean, integer, jsonb, pgTable, text } from "drizzle-orm/pg-core";

import { at } from "./columns.ts";

/** Data sets that agents have found; the name is the key. */
export const datasets = pgTable("datasets", {
  name: text("name").primaryKey(),
  title: text("title").notNull(),
  available: boolean("available").notNull(),
  reason: text("reason"),
  contentHash: text("content_hash"),
  trainCount: integer("train_count").notNull(),
  testCount: integer("test_count").notNull(),
  inputShape: integer("input_shape").array().notNull(),
  classes: text("classes").array().notNull(),
  normalisation: jsonb("normalisation").$type<{ mean: number[]; std: number[] }>().notNull(),
  licence: text("licence").notNull(),
  source: text("source").notNull(),
  updatedAt: at("updated_at").notNull().defaultNow(),
});
