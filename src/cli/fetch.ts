import { usageError } from "./options.js";

/** The variables that name a proxy. */
const PROXIES = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"];

/**
 * Gives this process the fetch of the newest Node, whichever Node it is (undici is where Node's comes from): it is faster,
 * and sends the requests through the proxy that the environment names. Ends the process if that can't be used.
 */
export async function installFetch(): Promise<void> {
  // Loaded only now, since it takes as long as all the rest.
  const { EnvHttpProxyAgent, install, setGlobalDispatcher } = await import("undici");
  install();
  const variables = PROXIES.filter((name) => process.env[name]);
  if (variables.length === 0) return;
  try {
    setGlobalDispatcher(new EnvHttpProxyAgent());
  } catch {
    // What it holds is not shown: it may be a password.
    usageError(`${variables.join(" or ")} is not the URL of a proxy, such as http://127.0.0.1:8080`);
  }
}
