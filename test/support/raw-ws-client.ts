import { WebSocket } from "ws";

export interface Frame { readonly type: string; readonly id?: string; readonly payload?: any }

/** A WebSocket that speaks graphql-transport-ws frame by frame, so that tests see the protocol and not a client's view of it. */
export class RawWsClient {
  readonly socket: WebSocket;
  /** Resolves when the socket has closed. */
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #frames: Frame[] = [];
  readonly #waiting: ((frame: Frame) => void)[] = [];

  private constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => { socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() })); });
    socket.on("message", (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as Frame;
      const waiter = this.#waiting.shift();
      if (waiter) waiter(frame);
      else this.#frames.push(frame);
    });
  }

  /** Rejects with the HTTP status when the handshake is refused. */
  static async connect(url: string, headers: Record<string, string> = {}): Promise<RawWsClient> {
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/graphql`, "graphql-transport-ws", { headers });
    const client = new RawWsClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("unexpected-response", (_request, response) => { reject(new Error(`refused with ${response.statusCode}`)); socket.terminate(); });
      socket.on("error", reject);
    });
    return client;
  }

  /** Connected and acknowledged. */
  static async open(url: string): Promise<RawWsClient> {
    const client = await RawWsClient.connect(url);
    client.send({ type: "connection_init" });
    const ack = await client.next();
    if (ack.type !== "connection_ack") throw new Error(`expected connection_ack, got ${JSON.stringify(ack)}`);
    return client;
  }

  send(frame: Frame): void { this.socket.send(JSON.stringify(frame)); }

  subscribe(id: string, query: string, variables?: object): void { this.send({ type: "subscribe", id, payload: { query, variables } }); }

  /** The next frame, in order of arrival; rejects when the socket closes first. */
  async next(): Promise<Frame> {
    const frame = this.#frames.shift();
    if (frame) return frame;
    return Promise.race([
      new Promise<Frame>((resolve) => { this.#waiting.push(resolve); }),
      this.closed.then(({ code, reason }) => { throw new Error(`the socket closed with ${code} ${reason}`); }),
    ]);
  }

  /** All `next` payloads of an operation until it is complete. */
  async drain(id: string): Promise<any[]> {
    const payloads = [];
    for (let frame = await this.next(); frame.type === "next" && frame.id === id; frame = await this.next()) payloads.push(frame.payload);
    return payloads;
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}
