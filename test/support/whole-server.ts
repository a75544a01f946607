import { readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";

import { DemoClient, type RunEvent } from "../../services/cli/demo/client.ts";
import { type Config, loadConfig } from "../../services/common/config.ts";
import { type RunningServer, startServer } from "../../services/gateway/server.ts";
import { sha256Of } from "./brought.ts";
import { openTestDatabase, type TestDatabase } from "./test-db.ts";

export interface EndedRun { readonly id: string; readonly status: string; readonly error: { code: string; message: string; details: Record<string, unknown> | null } | null; readonly events: readonly RunEvent[] }

/** The product in one process, with a real runner on a real adapter, and a client that brings files. */
export class WholeServer {
  private constructor(readonly store: TestDatabase, readonly server: RunningServer, readonly client: DemoClient) {}

  static async open(overrides: Partial<Config> = {}): Promise<WholeServer> {
    const store = await openTestDatabase();
    const server = await startServer({ config: { ...loadConfig({ NODE_TEST_CONTEXT: "1" }), dataDir: store.dataDir, port: 0, ...overrides }, database: store.database, agent: true });
    return new WholeServer(store, server, new DemoClient(server.url));
  }

  async close(): Promise<void> {
    await this.server.close();
    await this.store.close();
  }

  /** As `curl -T file URL/blobs/SHA256` does. @returns the reference that inputs take. */
  async upload(bytes: Uint8Array): Promise<{ sha256: string }> {
    const sha256 = sha256Of(bytes);
    const response = await fetch(`${this.server.url}/blobs/${sha256}`, { method: "PUT", body: bytes as BodyInit });
    if (!response.ok) throw new Error(`PUT /blobs: expected 200 or 201, got ${response.status} ${await response.text()}`);
    return { sha256 };
  }

  /** Starts a run by the mutation of this name, and waits for its end, however it ends. */
  async run(mutation: string, input: object): Promise<EndedRun> {
    const type = `${mutation[0]!.toUpperCase()}${mutation.slice(1)}Input!`;
    const { started } = await this.client.request<{ started: { id: string } }>(`mutation ($input: ${type}) { started: ${mutation}(input: $input) { id } }`, { input });
    const events: RunEvent[] = [];
    await this.client.follow(started.id, (event) => events.push(event));
    const { run } = await this.client.request<{ run: Omit<EndedRun, "events"> }>("query ($id: ID!) { run(id: $id) { id status error { code message details } } }", { id: started.id });
    return { ...run, events };
  }

  /** `run`, and these fields of it. @throws unless it succeeds. */
  async finish(mutation: string, input: object, fields = "id"): Promise<any> {
    const { id, status, error } = await this.run(mutation, input);
    if (status !== "SUCCEEDED") throw new Error(`${mutation}: expected SUCCEEDED, got ${status} ${JSON.stringify(error)}`);
    return (await this.client.request<any>(`query ($id: ID!) { run(id: $id) { ${fields} } }`, { id })).run;
  }

  /** Hashes of all files in the blob folder; unfinished uploads by their names. */
  blobs(): string[] {
    const entries = readdirSync(this.store.blobDir, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => relative(this.store.blobDir, join(parentPath, name)).replaceAll(sep, "")).sort();
  }
}
