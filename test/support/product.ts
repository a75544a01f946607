import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { DemoClient } from "../../services/cli/demo/client.ts";

const gateway = fileURLToPath(new URL("../../services/gateway/main.ts", import.meta.url));

/** `npm start` as its own process, on a free port. */
export interface Product {
  readonly url: string;
  readonly client: DemoClient;
  readonly process: ChildProcess;
  /** All that it printed so far. */
  output(): string;
  /** Ends it as `signal` would; resolves with its exit code when it is gone. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** On the embedded database, whatever DATABASE_URL says. */
export async function startProduct(dataDir: string): Promise<Product> {
  const env: NodeJS.ProcessEnv = { ...process.env, LORENZ_DATA: dataDir, LORENZ_PORT: "0", LORENZ_LOG_LEVEL: "silent" };
  delete env["DATABASE_URL"];
  const child = spawn(process.execPath, ["--import", "tsx", gateway], { env, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  const url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface(stream).on("line", (line) => {
        text += `${line}\n`;
        const address = /listens on (http:\S+)/.exec(line)?.[1];
        if (address) resolve(address);
      });
    }
    child.once("exit", (code) => reject(new Error(`the server ended by itself with ${code}:\n${text}`)));
  });
  return {
    url, client: new DemoClient(url), process: child, output: () => text,
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      child.kill(signal);
      const [code] = (await once(child, "exit")) as [number | null];
      return code;
    },
  };
}
