/** Steps that undo what was opened, run once, last opened first; all run even when some fail. */
export class Cleanup {
  #steps: (() => unknown)[] = [];
  #done: Promise<void> | undefined;

  add(step: () => unknown): void { this.#steps.push(step); }

  run(): Promise<void> { return this.#done ??= this.#run(); }

  async #run(): Promise<void> {
    const errors: unknown[] = [];
    for (const step of this.#steps.reverse()) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, "closing the database failed");
  }
}
