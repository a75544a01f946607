import { defineConfig } from "drizzle-kit";

/** `npm run gen -- --name verb_noun` writes the next migration when schema/tables differs from the last snapshot. A default export because drizzle-kit reads one. */
export default defineConfig({ dialect: "postgresql", schema: "./schema/tables/tables.ts", out: "./migrations", strict: true });
