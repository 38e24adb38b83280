import { fork } from "node:child_process";
import { once } from "node:events";

/** A server that cancels every Upload at once. Its process is its own, so as not to share the event loop. */
export interface Loopback extends Disposable {
  readonly url: string;
}

export async function startLoopback(): Promise<Loopback> {
  const server = fork(new URL("server.ts", import.meta.url), { execArgv: ["--import", "tsx"] });
  const [url]: unknown[] = await once(server, "message");
  return { url: String(url), [Symbol.dispose]: () => void server.kill() };
}
