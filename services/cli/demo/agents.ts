import { Agent } from "../../agent/agent.ts";
import type { Database } from "../../store/database.ts";

/** Progress and metrics are stored this often: who watches sees enough, and the cores are for the work. */
const FLUSH_MS = 1000;

/**
 * The demo's agents, inside its own process and each with its own runner. One suffices; on a software adapter others
 * fill the pauses between the launches of small layers, when one core waits for the other (lavapipe, two cores: one
 * training of the demo's network makes a step every 44 ms, two side by side one every 34 ms together). With three, the
 * last of the four trainings starts when the shortest ends, and does not run alone (92 s against 111 s in all).
 */
export class DemoAgents {
  readonly #agents: Agent[] = [];
  constructor(private readonly database: Database, private readonly blobDir: string) {}

  /** Starts one more. @returns its id. */
  async add(): Promise<string> {
    const agent = new Agent({ database: this.database, blobDir: this.blobDir, onlyAgent: false, flushMs: FLUSH_MS });
    this.#agents.push(agent);
    await agent.start();
    return agent.id;
  }

  async stop(): Promise<void> { await Promise.all(this.#agents.splice(0).map((agent) => agent.stop())); }
}
