import type { AttackConfig } from "../../../schema/jobs/attack.ts";
import type { AttributionConfig } from "../../../schema/jobs/attribution.ts";
import type { Network } from "../models/network.ts";
import type { Session } from "../session.ts";
import { Guide } from "./guide.ts";
import { InductiveNoise } from "./inductive-noise.ts";
import { InductiveOcclusion } from "./inductive-occlusion.ts";
import { Pgd } from "./pgd.ts";
import type { AttackRecipe } from "./variant.ts";

/** Whether the attack reads the map of the images, so that the guide must have loaded them. */
export function isGuided(attack: AttackConfig): boolean { return attack.kind !== "pgd"; }

/** Makes an attack ready for a model. Guided attacks share one Guide per model, attribution and batch size. */
export async function prepareAttack(session: Session, network: Network, attack: AttackConfig, attribution: AttributionConfig, batch: number, seed: bigint): Promise<AttackRecipe> {
  switch (attack.kind) {
    case "pgd": return Pgd.prepare(session, network, attack, batch, seed);
    case "inductive-noise": return InductiveNoise.prepare(session, network, attack, await Guide.prepare(session, network, attribution, batch, seed), seed);
    case "inductive-occlusion": return InductiveOcclusion.prepare(session, network, attack, await Guide.prepare(session, network, attribution, batch, seed));
  }
}
