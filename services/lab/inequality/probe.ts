import type { AttributionConfig } from "../../../schema/jobs/attribution.ts";
import { Attributor } from "../attributions/attributor.ts";
import { type Dataset, gather, gatherLabels } from "../data/dataset.ts";
import type { Network } from "../models/network.ts";
import { evenly } from "../launch-rows.ts";
import type { Session } from "../session.ts";
import { GiniMeter } from "./gini-meter.ts";

/** Images whose maps are held at a time; their paths' points fill launches by themselves. */
const PROBE_BATCH = 64;

/**
 * Mean Gini index of |a| over fixed test images, whatever the network predicts for them: a curve of it over epochs shows
 * inequality grow during training.
 *
 * @param indices test images; the same ones every time make a curve.
 */
export async function probeGini(session: Session, network: Network, dataset: Dataset, indices: readonly number[], attribution: AttributionConfig): Promise<number> {
  const batch = evenly(indices.length, PROBE_BATCH);
  const attributor = await Attributor.prepare(session, network, attribution, batch);
  const meter = await session.cached(attributor, "probe", () => GiniMeter.prepare(session, attributor.map, network.inputShape, batch, [{ scope: "global", sign: "absolute" }]));
  let sum = 0;
  for (let start = 0; start < indices.length; start += batch) {
    const some = indices.slice(start, start + batch);
    await attributor.attribute(await gather(dataset, "test", some), gatherLabels(dataset, "test", some));
    const [measured] = await meter.measure(some.length);
    for (const gini of measured!.gini) sum += gini;
  }
  return sum / indices.length;
}
