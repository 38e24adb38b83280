import http from "node:http";

declare module "node:http" {
  /** From Node 24.14 on. */
  const setGlobalProxyFromEnv: (() => void) | undefined;
}

declare global {
  namespace NodeJS {
    interface Process {
      /** From Node 22.15 on, but not on Windows: becomes another program, under the same process ID. */
      readonly execve?: (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => never;
    }
  }
}

const VARIABLES = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"];

/** Sends the requests through the proxy that the environment names. @returns What to say if this Node can't. */
export function enableProxy(): string | undefined {
  const { env } = process;
  const variable = VARIABLES.find((name) => env[name]);
  if (variable === undefined || env["NODE_USE_ENV_PROXY"] === "1") return undefined;
  if (http.setGlobalProxyFromEnv) {
    http.setGlobalProxyFromEnv();
    return undefined;
  }
  // From Node 22.21 on there is the variable alone, which has to be set when the process starts.
  const isKnown = process.allowedNodeEnvironmentFlags.has("--use-env-proxy");
  if (isKnown && process.execve) {
    const noWarning = "--disable-warning=UNDICI-EHPA"; // Node calls it experimental
    const args = [process.execPath, ...process.execArgv, noWarning, ...process.argv.slice(1)];
    process.execve(process.execPath, args, { ...env, NODE_USE_ENV_PROXY: "1" });
  }
  const remedy = isKnown ? "set NODE_USE_ENV_PROXY=1" : "use Node 22.21 or later";
  return `warning: Node ${process.versions.node} ignores ${variable}; to send the requests through that proxy, ${remedy}`;
}
