import { subscribe } from "node:diagnostics_channel";
import { UsageError } from "./options.js";

/** Replaces Node's fetch with the latest undici, which is faster and uses the environment's proxy. Returns its `close`. */
export async function installFetch(): Promise<() => Promise<void>> {
  // Imported only when it's needed, because loading it takes as long as everything else together.
  const { EnvHttpProxyAgent, getGlobalDispatcher, install, setGlobalDispatcher } = await import("undici");
  install();
  const variables = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"].filter((name) => process.env[name]);
  try {
    if (variables.length > 0) setGlobalDispatcher(new EnvHttpProxyAgent());
    variables.forEach(nameProxyInErrors);
  } catch {
    // The value isn't shown: it may contain a password.
    throw new UsageError(`${variables.join(" or ")} is not the URL of a proxy, such as http://127.0.0.1:8080`);
  }
  return () => getGlobalDispatcher().destroy(); // a proxy that never responds would keep the process alive
}

/** So that a proxy that is down isn't mistaken for the API. */
function nameProxyInErrors(variable: string): void {
  const { host, protocol } = new URL(process.env[variable] ?? "");
  if (protocol.startsWith("socks")) process.removeAllListeners("warning"); // undici warns that SOCKS is experimental
  subscribe("undici:client:connectError", (message) => {
    const { error, connectParams }: { error?: Error; connectParams?: { host?: string } } = Object(message);
    const isAboutProxy = connectParams?.host === host || error?.message.endsWith(` ${host}`); // as of a SOCKS proxy
    if (!error || !isAboutProxy || error.message.startsWith("proxy ")) return;
    error.message = `proxy ${host} from ${variable}: ${error.message || Object(error).code}`;
  });
}
