/** What the fake runner can be made to do, by the seed of the run. */
export const SCENARIOS = [
  "succeed", "fail", "die-once", "die-always", "exit-always", "hang", "ignore-cancel", "partial-then-hang",
  "not-json", "not-protocol", "other-run", "device-lost", "missing-blob", "unknown-model",
] as const;
export type Scenario = (typeof SCENARIOS)[number];

export function seedOf(scenario: Scenario): string { return String(SCENARIOS.indexOf(scenario)); }
