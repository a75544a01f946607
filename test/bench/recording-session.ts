import type { Dynamic, Step } from "../../services/engine/gpu/kernel.ts";
import type { Program } from "../../services/engine/gpu/program.ts";
import { Session } from "../../services/lab/session.ts";

/** One command buffer that a recipe submitted. */
export interface Launch {
  readonly label: string;
  readonly steps: readonly Step[];
  readonly values: ReadonlyMap<Dynamic, number>;
  /** What encoding and submitting it took on the host. */
  readonly hostMs: number;
}

/** A session that can tell what a recipe does on the device, without the recipe knowing. */
export class RecordingSession extends Session {
  #launches: Launch[] | undefined;

  override async prepare(label: string, steps: readonly Step[]): Promise<Program> {
    const program = await super.prepare(label, steps);
    const run = program.run.bind(program);
    program.run = (values = new Map()) => {
      const start = this.clock.monotonic();
      run(values);
      this.#launches?.push({ label, steps, values, hostMs: this.clock.monotonic() - start });
    };
    return program;
  }

  /** The command buffers of `work`, in order. */
  async record(work: () => Promise<void>): Promise<readonly Launch[]> {
    const launches: Launch[] = [];
    this.#launches = launches;
    try { await work(); } finally { this.#launches = undefined; }
    return launches;
  }
}
