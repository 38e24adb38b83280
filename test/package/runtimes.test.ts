import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { build, transform } from "esbuild";
import { beforeAll, describe, expect, test } from "vitest";
import { codeBlocks } from "../support/readme.js";
import { programs, projectWith, TIMEOUT } from "./project.js";

/** The oldest versions that `engines` allows, and the newest of each later line. */
const NODES = ["20.19.0", "22.12.0", "24", "26"];
const BUN = "bun@1.4.5";
const DENO = "deno@2.9.6";

const project = projectWith({
  workerd: "1.20261117.1",
  msw: "3.0.5",
  "node-fetch-2": "npm:node-fetch@2.7.0",
  "node-fetch-3": "npm:node-fetch@3.3.2",
  "undici-7": "npm:undici@7",
  "undici-8": "npm:undici@8",
});
const { esm, commonJs, options } = programs();
const imports = project.write("import.mjs", esm);
const requires = project.write("require.cjs", commonJs);

/** The path of each runtime, by its name on npm. */
const runtimes = new Map<string, string>();
beforeAll(async () => {
  const commands: [string, ...string[]][] = [
    ...NODES.map((version): [string, ...string[]] => [`node@${version}`, "--print", "process.execPath"]),
    [BUN, "--eval", "console.log(process.execPath)"],
    [DENO, "eval", "console.log(Deno.execPath())"],
  ];
  await Promise.all(
    commands.map(async ([name, ...args]) => {
      runtimes.set(name, (await project.output("npx", "--yes", "--prefer-offline", name, ...args)).trim());
    }),
  );
});

async function run(runtime: string, ...args: string[]): Promise<string> {
  return project.output(runtimes.get(runtime) ?? runtime, ...args);
}

describe.for(NODES)("on Node %s", (version) => {
  const node = `node@${version}`;

  test("a program that imports the package cancels an Upload", async () => {
    expect(await run(node, imports)).toBe("cancelled\n");
  });

  test("a program that requires the package cancels an Upload", async () => {
    expect(await run(node, requires)).toBe("cancelled\n");
  });

  test("an error of the required package is an instance of the imported class", async () => {
    const program = project.write(
      "both.mjs",
      `import { createRequire } from "node:module";
       import { ApiError } from "openai-cancel-upload";
       const { cancelUpload, createClient } = createRequire(import.meta.url)("openai-cancel-upload");
       const client = createClient({ ...${options}, headers: { prefer: "code=404" } });
       const error = await cancelUpload(client, "upload_abc123").catch((error) => error);
       console.log(error.status, error instanceof ApiError);`,
    );
    expect(await run(node, program)).toBe("404 true\n");
  });

  test("the command cancels an Upload", async () => {
    expect(await run(node, "node_modules/.bin/cancel-upload", "upload_abc123")).toMatch(/^cancelled\b/);
  });
});

// AWS Lambda runs Node this way.
test.for(["20.19.0", "22.12.0"])(
  "on Node %s a program that can't require() ES modules cancels an Upload",
  async (version) => {
    expect(await run(`node@${version}`, "--no-experimental-require-module", requires)).toBe("cancelled\n");
  },
);

test("the README's examples that cancel run as they are on Node 24, if they are saved as .mts", async () => {
  const examples = codeBlocks("ts").filter((code) => !code.includes("openAsBlob"));
  expect(examples).toHaveLength(2);
  const outputs = examples.map((code, index) => run("node@24", project.write(`example-${index}.mts`, code)));
  // The mock only knows upload_abc123, so the other ID in the second example fails.
  expect(await Promise.all(outputs)).toEqual(["cancelled\n", "upload_abc123 cancelled\n"]);
});

test("on Bun a program cancels an Upload", async () => {
  expect(await run(BUN, imports)).toBe("cancelled\n");
});

test("on Deno a program cancels an Upload without permission to read the environment", async () => {
  expect(await run(DENO, "run", "--no-prompt", "--allow-net", imports)).toBe("cancelled\n");
});

test.for(["2", "3"])("with the fetch of node-fetch %s a program cancels an Upload", async (version) => {
  const program = project.write(
    `node-fetch-${version}.mjs`,
    `import fetch from "node-fetch-${version}";
     import { cancelUpload, createClient } from "openai-cancel-upload";
     const client = createClient({ ...${options}, fetch: (request) => fetch(request.url, request) });
     console.log((await cancelUpload(client, "upload_abc123")).status);`,
  );
  expect(await run(process.execPath, program)).toBe("cancelled\n");
});

test.for([
  ["20.19.0", "7"],
  ["22.12.0", "7"],
  ["24", "7"],
  ["26", "7"],
  ["26", "8"],
] as const)("on Node %s the example that uses a proxy works with undici %s", async ([version, undici]) => {
  const example = readFileSync("examples/through-a-proxy.ts", "utf8").replace('"undici"', `"undici-${undici}"`);
  const { code } = await transform(example, { loader: "ts" });
  const program = project.write(`through-a-proxy-${undici}.mjs`, code);
  const proxy = project.write(
    "proxy.mjs",
    `import { createServer } from "node:http";
     import { once } from "node:events";
     const proxy = createServer((request, response) => {
       response.setHeader("connection", "close");
       response.end(JSON.stringify({ id: "upload_abc123", status: "cancelled" }));
     }).on("connect", (request, socket) => {
       socket.write("HTTP/1.1 200 OK\\r\\n\\r\\n");
       proxy.emit("connection", socket);
     });
     await once(proxy.listen(0, "127.0.0.1"), "listening");
     proxy.unref();
     process.env.HTTP_PROXY = "http://127.0.0.1:" + proxy.address().port;
     process.env.OPENAI_BASE_URL = "http://api.invalid/v1";`,
  );
  expect(await run(`node@${version}`, "--import", pathToFileURL(proxy).href, program, "upload_abc123")).toBe(
    "cancelled\n",
  );
});

test("on Node 24 the example that mocks the API works with the newest msw", async () => {
  project.write("mock.mts", readFileSync("examples/mock-in-your-tests.ts", "utf8"));
  const program = project.write(
    "mocked.mjs",
    `import { cancelUpload, createClient } from "openai-cancel-upload";
     import { server } from "./mock.mts";
     server.listen({ onUnhandledRequest: "error" });
     const client = createClient({ baseUrl: "https://api.openai.com/v1" });
     console.log((await cancelUpload(client, "upload_def456")).id);
     server.close();`,
  );
  expect(await run("node@24", program)).toBe("upload_def456\n");
});

test("on workerd (Cloudflare Workers) a worker cancels an Upload", async () => {
  await build({
    stdin: {
      contents: `import { cancelUpload, createClient } from "openai-cancel-upload";
        const client = createClient(${options});
        export default {
          async fetch() {
            const upload = await cancelUpload(client, "upload_abc123");
            return new Response(upload.status);
          },
        };`,
      resolveDir: project.folder,
    },
    bundle: true,
    format: "esm",
    platform: "neutral",
    outfile: `${project.folder}/worker.js`,
  });
  const config = project.write(
    "config.capnp",
    `using Workerd = import "/workerd/workerd.capnp";
     const config :Workerd.Config = (
       services = [
         (name = "main", worker = (modules = [(name = "worker.js", esModule = embed "worker.js")], compatibilityDate = "2026-01-01")),
         (name = "internet", network = (allow = ["local", "private", "public"])),
       ],
       sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
     );`,
  );
  const { default: workerd }: { default: string } = createRequire(config)("workerd");
  // On its control channel, here standard output, workerd reports the port it listens on.
  const child = spawn(workerd, ["serve", "--control-fd=1", config], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: TIMEOUT,
  });
  const ended = once(child, "exit");
  try {
    const response = await fetch(`http://127.0.0.1:${await portOf(child)}`);
    expect(await response.text()).toBe("cancelled");
  } finally {
    child.kill();
    await ended;
  }
});

async function portOf({ stdout }: ChildProcess): Promise<number> {
  if (stdout) {
    for await (const line of createInterface(stdout)) {
      const { port }: { port?: number } = JSON.parse(line);
      if (port) return port;
    }
  }
  throw new Error("workerd did not start");
}
