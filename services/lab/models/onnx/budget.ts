import { type NodeLabel, unsupported } from "./errors.ts";

/** Bounds what a file can make the importer compute: a few bytes can ask for any number of elements, any number of times. */
export class Budget {
  /** @param what is counted, for the message. */
  constructor(private left: number, private readonly what: string) {}

  /** @throws AppError MODEL_UNSUPPORTED once more was taken than there is. */
  take(count: number, node: NodeLabel | undefined): void {
    if (!(count <= this.left)) throw unsupported(node, `expected at most ${this.left} ${this.what} here, got ${count}; fold the model's constants at export`);
    this.left -= count;
  }
}
