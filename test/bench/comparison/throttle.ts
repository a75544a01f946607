/** Preloaded into JavaScript peers: the same naps between polls of the device that Lorenz takes, before any of them loads Dawn. */
import { installPollThrottle } from "../../../services/engine/gpu/poll.ts";

installPollThrottle();
