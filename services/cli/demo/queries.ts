/** The operations of the demo and the shapes of their answers. */

export interface Rate { readonly count: number; readonly n: number; readonly rate: number; readonly low: number; readonly high: number }
export interface Mean { readonly mean: number; readonly sd: number; readonly n: number; readonly low: number; readonly high: number }

export interface Row {
  readonly model: { readonly id: string; readonly name: string; readonly adversary: { readonly epsilon: number } | null };
  readonly cleanAccuracy: Rate | null;
  readonly pgd: readonly { readonly accuracy: Rate | null; readonly error: Rate; readonly attack: { readonly epsilon: number; readonly steps: number } }[];
  readonly gini: readonly { readonly gini: Mean }[];
  readonly errors: readonly { readonly attack: { readonly type?: "I" | "II" }; readonly k: number | null; readonly colour: number | null; readonly maxCount: number | null; readonly maxRadius: number | null; readonly error: Rate; readonly control: Rate | null }[];
}
export interface Comparison { readonly sampleSize: number; readonly rows: readonly Row[] }

const RATE = "{ count n rate low high }";

export const COMPARE = `query Compare($models: [ID!]!, $runId: ID) {
  compare(models: $models, runId: $runId) {
    sampleSize
    rows {
      model { id name adversary { epsilon } }
      cleanAccuracy ${RATE}
      pgd { accuracy ${RATE} error ${RATE} attack { ... on Pgd { epsilon steps } } }
      gini { gini { mean sd n low high } }
      errors { attack { ... on InductiveNoise { type } } k colour maxCount maxRadius error ${RATE} control ${RATE} }
    }
  }
}`;

export const DEVICE = `query Device { deviceStatus { advice agents { id state message environment { adapter adapterKind software kernelFamily dawn node platform code measuredGflops } } } }`;
export interface DeviceAgent {
  readonly id: string;
  readonly state: string;
  readonly message: string | null;
  readonly environment: Readonly<Record<string, unknown>> & { readonly adapter: string; readonly software: boolean; readonly measuredGflops: number | null } | null;
}
export interface DeviceAnswer { readonly deviceStatus: { readonly advice: readonly string[]; readonly agents: readonly DeviceAgent[] } }

export const DATASETS = `query Datasets { datasets { name available reason } }`;
export const TRAIN = `mutation Train($input: TrainModelInput!) { trainModel(input: $input) { id } }`;
export const CANCEL = `mutation Cancel($id: ID!) { cancelRun(id: $id) { id } }`;
export const AUDIT = `mutation Audit($input: AuditInput!) { audit(input: $input) { id } }`;
export const OUTCOME = `query Outcome($id: ID!) { run(id: $id) { status error { code message } product { id name } } }`;
export interface OutcomeAnswer { readonly run: { readonly status: string; readonly error: { readonly code: string; readonly message: string } | null; readonly product: { readonly id: string; readonly name: string } | null } }
