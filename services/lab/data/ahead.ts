/**
 * What `make` makes of each item, in order, with the next `depth` being made while one is used: reading and decoding on
 * other threads keep ahead of the device, and no more than depth + 1 results are held.
 */
export async function* ahead<T, R>(items: Iterable<T>, make: (item: T) => Promise<R>, depth = 2): AsyncGenerator<R, void, undefined> {
  const made: Promise<R>[] = [];
  try {
    for (const item of items) {
      const result = make(item);
      result.catch(() => undefined); // reported where it is awaited, or not wanted any more
      made.push(result);
      if (made.length > depth) yield await made.shift()!;
    }
    while (made.length > 0) yield await made.shift()!;
  } finally {
    await Promise.allSettled(made); // nothing goes on when the caller is done
  }
}
