/** Adds fifty verdicts, one at a time, to a tuning cache that others use too. Arguments: folder, device as JSON, name. */
import type { TunedDevice } from "../../services/runner/tuning-cache.ts";
import { TuningCache } from "../../services/runner/tuning-cache.ts";

const [folder, device, name] = process.argv.slice(2) as [string, string, string];
const cache = new TuningCache(folder, JSON.parse(device) as TunedDevice);
for (let i = 0; i < 50; i++) cache.add(new Map([[`${name} ${i}`, { faster: "a", ms: { a: 1, b: 2 }, refused: {} }]]));
