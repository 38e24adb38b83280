import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { api, cancelUpload, cli, envFor } from "../support/cli.js";
import { run } from "../support/run.js";
import { idOf, json, listen } from "../support/server.js";

/** A proxy that keeps the hosts that it was asked for. */
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

test("a proxy that can't be used is refused before anything is sent, without its password", async () => {
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

test("an untrusted certificate is not retried, and the message says how to trust it", async () => {
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
    const url = `https://127.0.0.1:${await listen(server)}/v1`;
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

test("more connections than files may be open is a clear message", async () => {
  await using server = await api();
  const input = Array.from({ length: 200 }, (_, n) => `upload_${n}\n`).join("");
  const command = `ulimit -n 60; exec "${process.execPath}" ${cli} - --concurrency 200 --max-retries 0`;
  const { exitCode, stdout } = await run("sh", ["-c", command], { env: envFor(server.url), input });
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/EMFILE.*; too many files are open; lower --concurrency, or raise the limit \(ulimit -n\)$/m);
  expect(stdout).not.toContain("undefined");
});
