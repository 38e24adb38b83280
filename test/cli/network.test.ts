import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:https";
import { connect, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { api, cancelUpload, cli, envFor } from "../support/cli.js";
import { run } from "../support/run.js";
import { idOf, json, listen } from "../support/server.js";

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createTcpServer();
  const port = await listen(server);
  server.close();
  return port;
}

/** A proxy that remembers the hosts it was asked for. */
async function startProxy() {
  const hosts: string[] = [];
  const proxy = createHttpServer((request, response) => {
    hosts.push(new URL(request.url ?? "").host);
    json(200, { id: idOf(request), status: "cancelled" })(request, response);
  }).on("connect", (request, socket, head) => {
    hosts.push(request.url ?? "");
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
    hosts,
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
  const through = await run(process.execPath, [cli, "upload_1"], { env });
  expect(through).toMatchObject({ exitCode: 0, stderr: "1 cancelled, 0 failed\n" });
  expect(proxy.hosts).toEqual([new URL(server.url).host]);
  const around = await run(process.execPath, [cli, "upload_2"], { env: { ...env, NO_PROXY: "127.0.0.1" } });
  expect(around).toMatchObject({ exitCode: 0, stderr: "1 cancelled, 0 failed\n" });
  expect(proxy.hosts).toHaveLength(1);
});

test("a proxy that isn't a URL is a usage error that doesn't show its password", async () => {
  await using server = await api();
  for (const proxy of ["user:secret@127.0.0.1:8080", "no URL: secret"]) {
    const { exitCode, stderr } = await run(process.execPath, [cli, "upload_1"], {
      env: { ...envFor(server.url), HTTP_PROXY: proxy },
    });
    expect(exitCode).toBe(2);
    expect(stderr).toContain("error: HTTP_PROXY is not the URL of a proxy, such as http://127.0.0.1:8080");
    expect(stderr).not.toContain("secret");
  }
  expect(server.requests).toHaveLength(0);
});

test("a proxy that is down is named, with its variable, and the API isn't blamed", async () => {
  const dead = await freePort();
  for (const [protocol, host, baseUrl, variable] of [
    ["http", `127.0.0.1:${dead}`, "http://127.0.0.1:8000/v1", "HTTP_PROXY"],
    ["http", `localhost:${dead}`, "https://127.0.0.1:8443/v1", "https_proxy"],
    ["socks5", `127.0.0.1:${dead}`, "https://127.0.0.1:8443/v1", "HTTPS_PROXY"],
  ] as const) {
    const { exitCode, stdout } = await run(process.execPath, [cli, "--max-retries", "0", "upload_1"], {
      env: { ...envFor(baseUrl), [variable]: `${protocol}://user:secret@${host}` },
    });
    expect(stdout).toMatch(new RegExp(`^failed     upload_1 .*proxy ${host} from ${variable}: .*ECONNREFUSED`));
    expect(stdout).not.toContain("secret");
    expect(exitCode).toBe(1);
  }
});

test("a proxy that never responds doesn't keep the command from exiting", async () => {
  const proxy = createTcpServer((socket) => socket.on("error", () => {}));
  try {
    const env = { ...envFor("https://127.0.0.1:8443/v1"), HTTPS_PROXY: `http://127.0.0.1:${await listen(proxy)}` };
    const args = [cli, "--timeout", "300ms", "--max-retries", "0", "upload_1"];
    const { exitCode, stderr } = await run(process.execPath, args, { env });
    expect([exitCode, stderr]).toEqual([1, "0 cancelled, 1 failed: timed out\n"]);
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

test("a SOCKS proxy works without warnings", async () => {
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
      const trusted = isIssuerTrusted ? { NODE_EXTRA_CA_CERTS: join(folder, "issuer.pem") } : {};
      const { exitCode, stdout } = await run(process.execPath, [cli, "upload_1"], { env: { ...env, ...trusted } });
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
