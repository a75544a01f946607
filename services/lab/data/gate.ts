/** Lets at most so many works go on at a time; the others wait in turn. */
export class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];
  constructor(places: number) { this.#free = places; }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((enter) => { this.#waiting.push(enter); });
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next(); // hands its place on
      else this.#free++;
    }
  }
}
