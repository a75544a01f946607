/**
 * Submits launch after launch and takes in the results of each while the device works on the next one: at most two are in
 * flight, and the device never waits for the host.
 *
 * @param launches what is prepared on the host between two of them (images gathered, numbers summed) is off the critical path too.
 * @param submit  must not wait.
 * @param read    asks for what the launch just submitted will leave; called before the next is submitted.
 */
export async function inTurn<L, R>(launches: Iterable<L> | AsyncIterable<L>, submit: (launch: L) => void, read: (launch: L) => Promise<R>, receive: (results: R, launch: L) => void): Promise<void> {
  let pending: { readonly launch: L; readonly results: Promise<R> } | undefined;
  try {
    for await (const launch of launches) {
      submit(launch);
      if (pending) receive(await pending.results, pending.launch);
      pending = { launch, results: read(launch) };
    }
    if (pending) receive(await pending.results, pending.launch);
  } finally {
    await pending?.results.catch(() => undefined); // nobody may free what a read is waiting for
  }
}
