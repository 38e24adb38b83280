import { subscribe } from "node:diagnostics_channel";
import type { Process } from "./main.js";
import { UsageError } from "./options.js";

type Proxy = Readonly<{ url: URL; variable: string }>;

/** Replaces Node's fetch with the latest undici, which is faster and uses the environment's proxies. Returns its `close`. */
export async function installFetch(env: Process["env"]): Promise<() => Promise<void>> {
  const http = proxyFrom(env, ["http_proxy", "HTTP_PROXY"]);
  const https = proxyFrom(env, ["https_proxy", "HTTPS_PROXY"]) ?? http;
  // Imported only when it's needed, because loading it takes as long as everything else together.
  const { EnvHttpProxyAgent, getGlobalDispatcher, install, setGlobalDispatcher } = await import("undici");
  install();
  if (https) {
    const noProxy = env["no_proxy"] ?? env["NO_PROXY"] ?? "";
    const settings = { httpProxy: http?.url.href ?? "", httpsProxy: https.url.href, noProxy };
    // Like curl, without a tunnel to http:// hosts: many proxies allow tunnels only to port 443.
    setGlobalDispatcher(new EnvHttpProxyAgent({ ...settings, proxyTunnel: false }));
    nameInErrors(https, http ?? https);
    const listeners = process.listeners("warning");
    process.removeAllListeners("warning").on("warning", (warning) => {
      if (!warning.message.startsWith("SOCKS5")) for (const listener of listeners) listener(warning); // "experimental"
    });
  }
  return () => getGlobalDispatcher().destroy(); // a proxy that never responds would keep the process alive
}

function proxyFrom(env: Process["env"], names: readonly string[]): Proxy | undefined {
  const variable = names.find((name) => env[name]?.trim());
  if (variable === undefined) return undefined;
  const text = (env[variable] ?? "").trim().replace(/^(?!.*:\/\/)/, "http://"); // curl takes host:port, too
  if (URL.canParse(text) && /^(https?|socks5?):/.test(text)) return { url: new URL(text), variable };
  // The value isn't shown: it may contain a password.
  throw new UsageError(`${variable} is not the URL of a proxy, such as http://127.0.0.1:8080`);
}

/** So that a proxy that is down, or that refuses to connect, isn't mistaken for the API. */
function nameInErrors(https: Proxy, http: Proxy): void {
  subscribe("undici:client:connectError", (message) => {
    const { error, connectParams }: { error?: Error; connectParams?: { host?: string } } = Object(message);
    if (!error || error.message.endsWith(")")) return; // it has been named
    const isDown = ({ url: { host } }: Proxy) => connectParams?.host === host || error.message.endsWith(` ${host}`);
    // Only https:// needs a tunnel.
    const proxy = error.message.startsWith("Proxy response (") ? https : [https, http].find(isDown);
    if (proxy)
      error.message = `${error.message || Object(error).code} (proxy ${proxy.url.host} from ${proxy.variable})`;
  });
}
