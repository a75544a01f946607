import { Agent } from "../../agent/agent.ts";
import type { Database } from "../../store/database.ts";

/** Progress and metrics are stored this often: who watches sees enough, and the cores are for the work. */
const FLUSH_MS = 1000;

/**
 * The demo's agents, inside its own process and each with its own runner. One suffices; on a software adapter a second one
 * fills the pauses that the first leaves between small launches, when cores wait for the last of them to end (lavapipe, two
 * cores, training of the demo's network: 44 ms of each core's time a step for one, 34 for each of two).
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
