/** All tables, for the migration generator and the typed database. */
export { blobs } from "./blobs.table.ts";
export { datasetFiles, datasets } from "./datasets.table.ts";
export { models } from "./models.table.ts";
export { accuracies, agents, artifacts, attackSummaries, checkpoints, imageResults, inequalitySummaries, metrics, predictions, runEvents } from "./run-data.table.ts";
export { runFiles, runModels, runs } from "./runs.table.ts";
