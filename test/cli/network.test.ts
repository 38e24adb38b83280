import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:https";
import { connect, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installFetch } from "../../src/cli/network.js";
import { api, cancelUpload, cli, envFor, runCommand } from "../support/cli.js";
import { run } from "../support/run.js";
import { idOf, json, listen } from "../support/server.js";

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createTcpServer();
  const port = await listen(server);
  server.close();
  return port;
}

/** A proxy that remembers what it was asked for. */
async function startProxy() {
  const requests: string[] = [];
  const proxy = createHttpServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    json(200, { id: idOf(request), status: "cancelled" })(request, response);
  }).on("connect", (request, socket, head) => {
    requests.push(`CONNECT ${request.url}`);
    const [host, port] = (request.url ?? "").split(":");
    const target = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      target.write(head);
      target.pipe(socket).pipe(target);
    });
    for (const end of [target, socket]) end.on("error", () => {});
  });
  return {
    url: `http://127.0.0.1:${await listen(proxy)}`,
    requests,
    [Symbol.dispose]: () => {
      proxy.close();
      proxy.closeAllConnections();
    },
  };
}

test("a proxy from the environment is used, but not for a host in NO_PROXY", async () => {
  await using server = await api();
  using proxy = await startProxy();
  const env = { ...envFor(server.url), HTTP_PROXY: proxy.url };
  const around = await run(process.execPath, [cli, "upload_1"], { env: { ...env, NO_PROXY: "127.0.0.1" } });
  expect(around).toMatchObject({ exitCode: 0, stderr: "1 cancelled, 0 failed\n" });
  expect(proxy.requests).toHaveLength(0);
  // Like curl, it takes a proxy without http://, and needs no tunnel: most proxies allow those only to port 443.
  const HTTP_PROXY = `user:secret@localhost:${new URL(proxy.url).port}`;
  const through = await run(process.execPath, [cli, "upload_2"], { env: { ...env, HTTP_PROXY } });
  expect(through).toMatchObject({ exitCode: 0, stderr: "1 cancelled, 0 failed\n" });
  expect(proxy.requests).toEqual([`POST ${server.url}/uploads/upload_2/cancel`]);
});

test.for(["no URL: secret", "ftp://user:secret@127.0.0.1"])(
  "what can't be a proxy is a usage error that doesn't show its password: %s",
  async (HTTP_PROXY) => {
    const env = { ...envFor("http://127.0.0.1/v1"), HTTP_PROXY };
    expect(await runCommand(["upload_1"], { env, connect: installFetch })).toEqual({
      exitCode: 2,
      stdout: "",
      stderr:
        "error: HTTP_PROXY is not the URL of a proxy, such as http://127.0.0.1:8080\n(see cancel-upload --help)\n",
    });
  },
);

test("a proxy that is down is named, with its variable, and the API isn't blamed", async () => {
  const dead = await freePort();
  for (const [protocol, host, baseUrl, variable] of [
    ["http", `localhost:${dead}`, "https://127.0.0.1:8443/v1", "https_proxy"],
    ["socks5", `127.0.0.1:${dead}`, "https://127.0.0.1:8443/v1", "HTTPS_PROXY"],
  ] as const) {
    const { exitCode, stdout } = await run(process.execPath, [cli, "--max-retries", "0", "upload_1"], {
      env: { ...envFor(baseUrl), [variable]: `${protocol}://user:secret@${host}` },
    });
    expect(stdout).toContain(`ECONNREFUSED`);
    expect(stdout).toContain(` (proxy ${host} from ${variable})`);
    expect(stdout).not.toContain("secret");
    expect(exitCode).toBe(1);
  }
});

test.for([
  [407, "the proxy wants a user and password, as in HTTP_PROXY=http://user:password@host:port"],
  [403, "the proxy forbids this host or port; NO_PROXY can list hosts that need no proxy"],
] as const)(
  "a proxy that refuses to connect with %d is named, asked once, and ends the run",
  async ([status, advice]) => {
    let connections = 0;
    const proxy = createHttpServer().on("connect", (_request, socket) => {
      connections += 1;
      socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
    });
    try {
      const host = `127.0.0.1:${await listen(proxy)}`;
      const env = { ...envFor("https://api.invalid/v1"), HTTPS_PROXY: `http://${host}` };
      const args = [cli, "-c", "1", ...Array.from({ length: 30 }, (_, n) => `upload_${n}`)];
      const { exitCode, stdout, stderr } = await run(process.execPath, args, { env });
      expect(stdout).toMatch(/^failed {5}upload_0 {2}no response, Proxy response \(40\d\)/);
      expect(stdout).toContain(` (proxy ${host} from HTTPS_PROXY)`);
      expect(stdout).toContain(`; ${advice}\n`);
      expect(stderr).toContain("; 29 not tried");
      expect(exitCode).toBe(1);
      expect(connections).toBe(1);
    } finally {
      proxy.close();
    }
  },
);

test("a proxy for http:// that wants a password ends the run as well", async () => {
  const proxy = createHttpServer((_request, response) => response.writeHead(407).end());
  try {
    const HTTP_PROXY = `http://127.0.0.1:${await listen(proxy)}`;
    const env = { ...envFor("http://api.invalid/v1"), HTTP_PROXY };
    const { exitCode, stdout, stderr } = await run(process.execPath, [cli, "-c", "1", "upload_1", "upload_2"], { env });
    expect(stdout).toMatch(/407.*attempts: 1\); the proxy wants a user and password, as in HTTP_PROXY=/);
    expect(stderr).toContain("; 1 not tried");
    expect(exitCode).toBe(1);
  } finally {
    proxy.close();
  }
});

test("a proxy that never responds doesn't keep the command from exiting", async () => {
  const proxy = createTcpServer((socket) => socket.on("error", () => {}));
  try {
    const env = { ...envFor("https://127.0.0.1:8443/v1"), HTTPS_PROXY: `http://127.0.0.1:${await listen(proxy)}` };
    const args = [cli, "--timeout", "300ms", "--max-retries", "0", "upload_1"];
    const { exitCode, stderr } = await run(process.execPath, args, { env });
    expect([exitCode, stderr]).toEqual([1, "0 cancelled, 1 failed: no response within 300 ms\n"]);
  } finally {
    proxy.close();
  }
});

test("an API that is down isn't mistaken for the proxy", async () => {
  using proxy = await startProxy();
  const env = { ...envFor(`http://127.0.0.1:${await freePort()}/v1`), HTTP_PROXY: proxy.url, NO_PROXY: "127.0.0.1" };
  const { stdout } = await run(process.execPath, [cli, "--max-retries", "0", "upload_1"], { env });
  expect(stdout).toContain("ECONNREFUSED");
  expect(stdout).not.toContain("proxy");
});

test("a proxy that hangs up doesn't keep the command from ending", async () => {
  const proxy = createHttpServer().on("connect", (_request, socket) => socket.destroy());
  try {
    const HTTPS_PROXY = `http://127.0.0.1:${await listen(proxy)}`;
    const env = { ...envFor("https://api.invalid/v1"), HTTPS_PROXY };
    const { exitCode, stdout } = await run(process.execPath, [cli, "-r", "0", "-t", "500ms", "upload_1"], { env });
    expect([exitCode, stdout]).toEqual([1, "failed     upload_1  no response within 500 ms (attempts: 1)\n"]);
  } finally {
    proxy.close();
  }
});

test("a SOCKS proxy works without a warning about it, but with all others", async () => {
  await using server = await api();
  let connections = 0;
  const proxy = createTcpServer((socket) => {
    connections += 1;
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write(Buffer.from([5, 0])); // no authentication
      socket.once("data", () => {
        const target = connect(Number(new URL(server.url).port), "127.0.0.1", () => {
          socket.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]));
          socket.pipe(target).pipe(socket);
        }).on("error", () => {});
      });
    });
  });
  try {
    const env = { ...envFor(server.url), HTTP_PROXY: `socks5://127.0.0.1:${await listen(proxy)}` };
    expect(await run(process.execPath, [cli, "upload_1"], { env })).toMatchObject({
      exitCode: 0,
      stderr: "1 cancelled, 0 failed\n",
    });
    expect(connections).toBe(1);
    const unsafe = {
      ...env,
      NODE_TLS_REJECT_UNAUTHORIZED: "0",
      OPENAI_BASE_URL: server.url.replace("http:", "https:"),
    };
    const { stderr } = await run(process.execPath, [cli, "-r", "0", "upload_1"], {
      env: { ...unsafe, HTTPS_PROXY: env.HTTP_PROXY },
    });
    expect(stderr).toContain("NODE_TLS_REJECT_UNAUTHORIZED");
    expect(stderr).not.toContain("SOCKS");
  } finally {
    proxy.close();
  }
});

describe("a problem with the certificate comes with advice that fits:", () => {
  const folder = mkdtempSync(join(tmpdir(), "cancel-upload-"));
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  const subject = ["-addext", "subjectAltName=IP:127.0.0.1"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const create = (name: string, subjectName: string, ...more: string[]) =>
    openssl(
      "req",
      "-x509",
      ...key,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.pem`,
      "-subj",
      `/CN=${subjectName}`,
      ...more,
    );

  beforeAll(() => {
    create("self-signed", "localhost", ...subject);
    create("issuer", "issuer");
    const signed = ["-CA", "issuer.pem", "-CAkey", "issuer.key"];
    create("signed", "localhost", ...signed, ...subject);
    create("other-host", "localhost", ...signed, "-addext", "subjectAltName=DNS:example.com");
    openssl("req", ...key, "-keyout", "expired.key", "-out", "expired.csr", "-subj", "/CN=localhost", ...subject);
    const signedYesterday = ["-CA", "issuer.pem", "-CAkey", "issuer.key", "-days", "-1"];
    openssl(
      "x509",
      "-req",
      "-in",
      "expired.csr",
      ...signedYesterday,
      "-copy_extensions",
      "copy",
      "-out",
      "expired.pem",
    );
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const trust = "if you trust its issuer, set NODE_EXTRA_CA_CERTS to the issuer's PEM file";
  test.for<[string, boolean, string]>([
    ["self-signed", false, trust],
    ["signed", false, trust],
    ["other-host", true, "check the host name in the base URL"],
    ["expired", true, "check this machine's clock; if it's right, the server needs a new certificate"],
  ])("%s", async ([name, isIssuerTrusted, advice]) => {
    const read = (extension: string) => readFileSync(join(folder, `${name}.${extension}`));
    let connections = 0;
    const server = createServer({ key: read("key"), cert: read("pem") }).on("connection", () => {
      connections += 1;
    });
    const env = envFor(`https://127.0.0.1:${await listen(server)}/v1`);
    try {
      const trusted = { ...env, NODE_EXTRA_CA_CERTS: join(folder, "issuer.pem") };
      const { exitCode, stdout } = isIssuerTrusted
        ? await run(process.execPath, [cli, "upload_1"], { env: trusted })
        : await runCommand(["upload_1"], { env });
      expect(stdout).toMatch(/^failed {5}upload_1 .*\(attempts: 1\); .*\n$/);
      expect(stdout).toContain(`; ${advice}\n`);
      expect(exitCode).toBe(1);
      expect(connections).toBe(1);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  test("the advice works: NODE_EXTRA_CA_CERTS makes the certificate trusted", async () => {
    const options = { key: readFileSync(join(folder, "signed.key")), cert: readFileSync(join(folder, "signed.pem")) };
    const server = createServer(options, (request, response) =>
      json(200, { id: idOf(request), status: "cancelled" })(request, response),
    );
    try {
      const url = `https://127.0.0.1:${await listen(server)}/v1`;
      const env = { ...envFor(url), NODE_EXTRA_CA_CERTS: join(folder, "issuer.pem") };
      expect(await run(process.execPath, [cli, "upload_1"], { env })).toMatchObject({ exitCode: 0 });
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});

test("https:// to a port without TLS says so, without OpenSSL's internals", async () => {
  await using server = await api();
  const { exitCode, stdout } = await cancelUpload(server.url.replace("http:", "https:"), [
    "--max-retries",
    "0",
    "upload_1",
  ]);
  expect(stdout).toMatch(/; this port doesn't speak TLS: check the base URL's port, or use http:\/\/\n$/);
  expect(stdout).not.toMatch(/SSL routines|\.c:/);
  expect(exitCode).toBe(1);
});

test("too many open files is a clear message", async () => {
  await using server = await api();
  const input = Array.from({ length: 200 }, (_, n) => `upload_${n}\n`).join("");
  const command = `ulimit -n 60; exec "${process.execPath}" ${cli} - --concurrency 200 --max-retries 0`;
  const { exitCode, stdout } = await run("sh", ["-c", command], { env: envFor(server.url), input });
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/EMFILE.*; too many open files: lower --concurrency, or raise the limit \(ulimit -n\)$/m);
  expect(stdout).not.toContain("undefined");
});
