import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { api, cancelUpload, cli, envFor, idOf } from "../support/cli.js";
import { run } from "../support/run.js";
import { json } from "../support/server.js";

const canProxy = process.allowedNodeEnvironmentFlags.has("--use-env-proxy");

/** A proxy that tells which host it was asked for; some Nodes connect through it, some send it the request. */
async function startProxy() {
  const asked: string[] = [];
  const proxy = createHttpServer((request, response) => {
    const { host, pathname } = new URL(request.url ?? "");
    asked.push(host);
    json(200, { id: pathname.split("/").at(-2), status: "cancelled" })(request, response);
  }).on("connect", (request, socket, head) => {
    asked.push(request.url ?? "");
    const [host, port] = (request.url ?? "").split(":");
    const target = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      target.write(head);
      target.pipe(socket).pipe(target);
    });
    for (const end of [target, socket]) end.on("error", () => {});
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    asked,
    [Symbol.dispose]: () => {
      proxy.close();
      proxy.closeAllConnections();
    },
  };
}

test("a proxy of the environment is used if this Node can, else a warning says what to do", async () => {
  await using server = await api();
  using proxy = await startProxy();
  const env = { ...envFor(server.url), HTTP_PROXY: proxy.url };
  const { exitCode, stderr } = await run(process.execPath, [cli, "upload_1"], { env });
  expect(exitCode).toBe(0);
  if (canProxy) {
    expect(proxy.asked).toEqual([new URL(server.url).host]);
    expect(stderr).toBe("1 cancelled, 0 failed\n");
  } else {
    expect(proxy.asked).toEqual([]);
    expect(stderr).toMatch(
      /^warning: Node [\d.]+ ignores HTTP_PROXY; to send the requests through that proxy, use Node 22\.21 or later\n1 cancelled/,
    );
  }
  const around = await run(process.execPath, [cli, "upload_2"], { env: { ...env, NO_PROXY: "127.0.0.1" } });
  expect(around.exitCode).toBe(0);
  expect(proxy.asked.length).toBeLessThan(2);
});

test("a certificate that is not trusted is not tried again, and the remedy is named", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cancel-upload-"));
  const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
  const algorithm = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  execFileSync("openssl", ["req", "-x509", ...algorithm, "-keyout", keyFile, "-out", certFile, ...subject], {
    stdio: "ignore",
  });
  const server = createServer({ key: readFileSync(keyFile), cert: readFileSync(certFile) }, (request, response) =>
    json(200, { id: idOf(request), status: "cancelled" })(request, response),
  );
  let handshakes = 0;
  server.on("connection", () => {
    handshakes += 1;
  });
  try {
    await once(server.listen(0, "127.0.0.1"), "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the server has no port");
    const url = `https://127.0.0.1:${address.port}/v1`;
    const { exitCode, stdout } = await cancelUpload(url, ["upload_1"]);
    expect(stdout).toBe(
      "failed     upload_1  no answer, self-signed certificate (attempts: 1); if you trust its certificate authority, set NODE_EXTRA_CA_CERTS to that one's PEM file\n",
    );
    expect(exitCode).toBe(1);
    expect(handshakes).toBe(1);
    const env = { ...envFor(url), NODE_EXTRA_CA_CERTS: certFile };
    expect(await run(process.execPath, [cli, "upload_1"], { env })).toMatchObject({ exitCode: 0 });
  } finally {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  }
});

test("too many connections for the limit of open files is a clear message", async () => {
  await using server = await api();
  const input = Array.from({ length: 200 }, (_, n) => `upload_${n}\n`).join("");
  const command = `ulimit -n 60; exec "${process.execPath}" ${cli} - --concurrency 200 --max-retries 0`;
  const { exitCode, stdout } = await run("sh", ["-c", command], { env: envFor(server.url), input });
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/EMFILE.*; too many files are open; lower --concurrency, or raise the limit \(ulimit -n\)$/m);
  expect(stdout).not.toContain("undefined");
});
