import type { Gpu } from "../../services/engine/gpu/device.ts";
import type { Dynamic, Step } from "../../services/engine/gpu/kernel.ts";
import { Program, repeat } from "../../services/engine/gpu/program.ts";
import type { Case } from "./timing.ts";

/** Steps to time by themselves, again and again in one command buffer. Owns the programs that it makes. */
export class ProgramCase implements Case {
  readonly #programs: Program[] = [];
  constructor(readonly gpu: Gpu, readonly name: string, readonly steps: readonly Step[], readonly values?: ReadonlyMap<Dynamic, number>) {}

  async batch(count: number): Promise<() => Promise<void>> {
    const program = await Program.prepare(this.gpu, this.name, repeat(count, () => this.steps));
    this.#programs.push(program);
    return async () => {
      program.run(this.values);
      await this.gpu.idle();
    };
  }

  dispose(): void { for (const program of this.#programs.splice(0)) program.dispose(); }
}
