import type { ArchitectureName } from "../../../schema/jobs/run-config.ts";
import { AppError } from "../../common/errors.ts";
import type { Architecture } from "./architecture.ts";
import { cifarResnet18 } from "./cifar-resnet18.ts";
import { cifarResnet20 } from "./cifar-resnet20.ts";
import { smallCnn } from "./small-cnn.ts";
import { tinyCnn } from "./tiny-cnn.ts";

/** Every architecture that can be trained or loaded, by its name in configs. */
export const architectures: Readonly<Record<ArchitectureName, Architecture>> = {
  "tiny-cnn": tinyCnn,
  "small-cnn": smallCnn,
  "cifar-resnet18": cifarResnet18,
  "cifar-resnet20": cifarResnet20,
};

/** @throws AppError INVALID_INPUT naming the known ones. */
export function architectureNamed(name: string): Architecture {
  if (Object.hasOwn(architectures, name)) return architectures[name as ArchitectureName];
  throw new AppError("INVALID_INPUT", `architecture: expected one of ${Object.keys(architectures).join(", ")}, got ${name}`, { architecture: name });
}
