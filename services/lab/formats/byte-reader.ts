import type { Fail } from "./fail.ts";

/** Walks through untrusted bytes; every step is checked against the end first. */
export class ByteReader {
  readonly #view: DataView;
  constructor(readonly bytes: Uint8Array, private readonly fail: Fail, public position = 0) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get left(): number { return this.bytes.length - this.position; }

  u8(): number { return this.#view.getUint8(this.#step(1)); }
  u16(): number { return this.#view.getUint16(this.#step(2), true); }
  u32(): number { return this.#view.getUint32(this.#step(4), true); }
  i32(): number { return this.#view.getInt32(this.#step(4), true); }
  f64BigEndian(): number { return this.#view.getFloat64(this.#step(8)); }

  /** A count of 8 bytes; beyond what f64 holds exactly it is refused, as no file is that long. */
  u64(): number {
    const value = this.#view.getBigUint64(this.#step(8), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.fail("damaged", `byte ${this.position - 8}: expected a count below 2^53, got ${value}`);
    return Number(value);
  }

  /** The next `length` bytes, not copied. */
  take(length: number): Uint8Array {
    const start = this.#step(length);
    return this.bytes.subarray(start, start + length);
  }

  /** Text up to the next newline, which is passed over. */
  line(maxBytes: number): string {
    const window = this.bytes.subarray(this.position, this.position + maxBytes + 1);
    const length = window.indexOf(0x0a);
    if (length < 0) throw this.fail("damaged", `byte ${this.position}: expected a line of at most ${maxBytes} bytes, got ${window.length} bytes without an end`);
    const text = Buffer.from(this.take(length)).toString("latin1");
    this.position++;
    return text;
  }

  #step(length: number): number {
    if (length > this.left) throw this.fail("damaged", `byte ${this.position}: expected ${length} bytes, got the ${this.left} that are left`);
    const start = this.position;
    this.position += length;
    return start;
  }
}
