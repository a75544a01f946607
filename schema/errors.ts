/**
 * Every error code of the product, in one place. The code is the stable name: it is stored in `runs.error_code` and sent
 * as `extensions.code`. `audience` says whose mistake it is (and so whether the message reaches a client); `retry` says
 * what the agent does with a run that failed with it.
 */
export interface ErrorEntry {
  readonly audience: "caller" | "operator" | "internal";
  readonly retry: "never" | "new-runner";
  /** The device is lost or in an unknown state: the next run needs another. */
  readonly endsDevice?: true;
  readonly means: string;
}

export const ERRORS = {
  // A caller can mend these.
  INVALID_INPUT: { audience: "caller", retry: "never", means: "A field of the input is out of range, malformed or contradicts another; `extensions.field` is its path." },
  NOT_FOUND: { audience: "caller", retry: "never", means: "No model, run, data set, image or blob has that id." },
  CONFLICT: { audience: "caller", retry: "never", means: "The idempotency key was used with another input, or the object is in use or already in that state." },
  MODEL_IN_USE: { audience: "caller", retry: "never", means: "A queued or running run needs the model; cancel it first." },
  MODEL_DELETED: { audience: "caller", retry: "never", means: "The model was deleted: its results stay, its weights are gone." },
  DATASET_MISMATCH: { audience: "caller", retry: "never", means: "Model and data set differ in image size, channels or classes." },
  MODEL_MISMATCH: { audience: "caller", retry: "never", means: "The weights are not those of the named architecture; the details list every missing, surplus and misshapen tensor." },
  WEIGHTS_CORRUPT: { audience: "caller", retry: "never", means: "A weights file is damaged or contradicts itself; the message says where." },
  MODEL_UNSUPPORTED: { audience: "caller", retry: "never", means: "The network has an operator, shape, input or output that Lorenz does not run; the message names the node and what to do." },
  WEIGHTS_UNSUPPORTED: { audience: "caller", retry: "never", means: "A weights file is of a format, or holds objects or numbers, that Lorenz does not read; the message names it and what to do." },
  TOO_FEW_IMAGES: { audience: "caller", retry: "never", means: "Fewer images than asked for are classified correctly by every model; the message has the number found." },
  QUERY_TOO_COMPLEX: { audience: "caller", retry: "never", means: "The document exceeds the limits on depth, aliases, tokens or directives." },
  UPLOAD_TOO_LARGE: { audience: "caller", retry: "never", means: "The file exceeds LORENZ_MAX_UPLOAD_BYTES." },
  STORAGE_FULL: { audience: "caller", retry: "never", means: "The server has no room for the upload; free some space and send it again." },
  RANGE_NOT_SATISFIABLE: { audience: "caller", retry: "never", means: "The byte range asked for lies outside the blob." },
  // Whoever runs the server can mend these.
  CONFIG_INVALID: { audience: "operator", retry: "never", means: "An environment variable has a value that cannot be used." },
  DATA_DIR_LOCKED: { audience: "operator", retry: "never", means: "Another process uses the data directory." },
  DATASET_UNAVAILABLE: { audience: "caller", retry: "never", means: "The files of a data set are missing or damaged; the message names the file and what to install." },
  DATASET_CORRUPT: { audience: "caller", retry: "never", means: "A data file is not what its format says; the message names file and position." },
  BLOB_CORRUPT: { audience: "operator", retry: "never", means: "A stored file's bytes do not match its hash." },
  NO_ADAPTER: { audience: "operator", retry: "never", means: "No GPU, lavapipe or SwiftShader was found, or it lacks what LORENZ_PRECISION or LORENZ_SUBGROUP_MATRIX asks for; `npm run doctor` says what to install." },
  OUT_OF_MEMORY: { audience: "operator", retry: "never", endsDevice: true, means: "The work does not fit the adapter's memory; use a smaller batch." },
  DEVICE_LOST: { audience: "operator", retry: "new-runner", endsDevice: true, means: "The GPU device or its driver went away; the run is tried again on a new one." },
  RUNNER_DIED: { audience: "operator", retry: "new-runner", means: "The runner process ended without a result; the run is tried again in a new one." },
  AGENT_STOPPED: { audience: "operator", retry: "new-runner", means: "The agent was stopped while it had the run; the run goes on when an agent starts." },
  AGENT_DIED: { audience: "operator", retry: "new-runner", means: "The agent ended without giving the run back; the run goes on in another, or when it starts again." },
  ATTEMPTS_EXHAUSTED: { audience: "operator", retry: "never", means: "The run failed on every attempt; the cause is in its events." },
  // Results that are failures.
  DIVERGED: { audience: "caller", retry: "never", means: "Training produced a non-finite loss; lower the learning rate." },
  ATTACK_INVALID: { audience: "internal", retry: "never", means: "An adversarial example broke its own bound, range or finiteness; it was not counted." },
  // Our own mistakes.
  SHAPE_MISMATCH: { audience: "internal", retry: "never", means: "A tensor or attribute does not fit its operator." },
  VALUE_RANGE: { audience: "internal", retry: "never", means: "A number is outside the range its operator is defined for." },
  SHADER_INVALID: { audience: "internal", retry: "never", means: "A shader did not compile on this adapter; the message has file, line and column." },
  GPU_FAULT: { audience: "internal", retry: "never", endsDevice: true, means: "The GPU reported a validation or internal error." },
  INVARIANT: { audience: "internal", retry: "never", means: "A bug in Lorenz." },
  INTERNAL: { audience: "internal", retry: "never", means: "Anything else; the log has the incident." },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** The catalogue's entry; codes that are not in it count as INTERNAL. */
export function entryOf(code: string): ErrorEntry {
  return Object.hasOwn(ERRORS, code) ? ERRORS[code as ErrorCode] : ERRORS.INTERNAL;
}
