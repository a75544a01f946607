/** All tables, for the migration generator and the typed database. */
export { blobs } from "./blobs.table.ts";
export { datasets } from "./datasets.table.ts";
export { models } from "./models.table.ts";
export { accuracies, agents, artifacts, attackSummaries, checkpoints, imageResults, inequalitySummaries, metrics, runEvents } from "./run-data.table.ts";
export { runModels, runs } from "./runs.table.ts";
