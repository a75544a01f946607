import type { Fail } from "./fail.ts";
import { latin1Bytes, PickledObject, type PickleFunction } from "./pickle.ts";

/** NumPy's arrays, scalars and types as pickles hold them: descriptions, checked against their bytes, converted by whoever wants the numbers. */

const MAX_RANK = 32; // NumPy's own
const ITEM = /^([biufcSUV])(\d{1,9})$/;

export class NumpyType extends PickledObject {
  /** Kind and bytes of an item: "f8", "u1". */
  readonly item: string;
  readonly itemBytes: number;
  #order = "|";

  constructor(code: unknown, private readonly fail: Fail) {
    super();
    const match = typeof code === "string" ? ITEM.exec(code) : null;
    if (!match) throw fail("refused", `expected an array of numbers, got one of type ${typeof code === "string" ? JSON.stringify(code.slice(0, 20)) : typeof code}`);
    this.item = match[0];
    this.itemBytes = Number(match[2]);
  }

  /** "<" and "|" (one byte, or none stated) for little-endian, ">" for big-endian. */
  get order(): string { return this.#order; }

  setState(state: unknown): void {
    const [, order, , names] = Array.isArray(state) ? state as unknown[] : [];
    if (order !== "<" && order !== ">" && order !== "|" && order !== "=") throw this.fail("damaged", "expected an array type with a byte order");
    if (names !== null) throw this.fail("refused", "expected an array of plain numbers, got one of records");
    this.#order = order;
  }
}

export class NumpyArray extends PickledObject {
  #type: NumpyType | undefined;
  #shape: readonly number[] = [];
  #fortran = false;
  #data: unknown;

  constructor(private readonly fail: Fail) { super(); }

  get type(): NumpyType {
    if (!this.#type) throw this.fail("damaged", "expected an array with its contents, got one without");
    return this.#type;
  }
  get shape(): readonly number[] { return this.#shape; }
  /** Whether the first index runs fastest. */
  get fortran(): boolean { return this.#fortran; }

  /** Exactly the array's bytes in its own order. */
  bytes(): Uint8Array {
    const bytes = latin1Bytes(this.#data);
    if (!bytes) throw this.fail("damaged", "expected an array's contents as bytes, got other text");
    return bytes;
  }

  setState(state: unknown): void {
    if (!Array.isArray(state) || state.length !== 5) throw this.fail("damaged", "expected an array's state of 5 parts");
    const [, shape, type, fortran, data] = state as unknown[];
    this.set(type, shape, data, fortran === true || fortran === 1);
  }

  set(type: unknown, shape: unknown, data: unknown, fortran: boolean): void {
    if (!(type instanceof NumpyType)) throw this.fail("damaged", "expected an array with a type");
    if (!Array.isArray(shape) || shape.length > MAX_RANK || !shape.every((side) => Number.isSafeInteger(side) && side >= 0)) throw this.fail("damaged", "expected an array with a shape");
    const expected = (shape as number[]).reduce((product, side) => product * side, type.itemBytes);
    const length = typeof data === "string" || data instanceof Uint8Array ? data.length : undefined;
    if (length !== expected) throw this.fail("damaged", `expected an array [${shape.join(", ")}] of ${type.item} to have ${expected} bytes, got ${length ?? typeof data}`);
    this.#type = type;
    this.#shape = [...shape as number[]]; // the pickle still holds its own and may change it
    this.#fortran = fortran;
    this.#data = data;
  }
}

/** The names that a pickle with NumPy values refers to, of every NumPy before and after 2.0. */
export function numpyGlobals(fail: Fail): Map<string, PickleFunction> {
  const notCalled: PickleFunction = () => { throw fail("damaged", "expected numpy.ndarray to be named only"); };
  const filled = (type: unknown, shape: unknown, data: unknown, fortran = false): NumpyArray => {
    const array = new NumpyArray(fail);
    array.set(type, shape, data, fortran);
    return array;
  };
  const globals = new Map<string, PickleFunction>([
    ["numpy.ndarray", notCalled],
    ["numpy.dtype", ([code]) => new NumpyType(code, fail)],
    // Python 3's bytes in protocol 2: text that stands for bytes stays so until someone wants them.
    ["_codecs.encode", ([text, encoding]) => {
      if (typeof text !== "string" || encoding !== "latin1") throw fail("refused", "expected _codecs.encode of text to latin1");
      return text;
    }],
    ["__builtin__.bytes", (args) => { // and this is how it writes none
      if (args.length > 0) throw fail("refused", "expected bytes() without arguments");
      return new Uint8Array(0);
    }],
  ]);
  for (const core of ["numpy.core", "numpy._core"]) {
    globals.set(`${core}.multiarray._reconstruct`, () => new NumpyArray(fail));
    globals.set(`${core}.multiarray.scalar`, ([type, data]) => filled(type, [], data));
    globals.set(`${core}.numeric._frombuffer`, ([data, type, shape, order]) => filled(type, shape, data, order === "F"));
  }
  return globals;
}
