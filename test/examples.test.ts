import { createServer } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { server as api } from "../examples/mock-in-your-tests.js";
import { cancelUpload, createClient } from "../src/index.js";
import { run } from "./support/run.js";
import { cancelling, listen } from "./support/server.js";

test("msw mocks the API for a caller's tests", async () => {
  api.listen({ onUnhandledRequest: "error" });
  try {
    const upload = await cancelUpload(createClient({ apiKey: "sk-test" }), "upload_def456");
    expect(upload).toMatchObject({ id: "upload_def456", status: "cancelled" });
  } finally {
    api.close();
  }
});

test("a program cancels an upload through the proxy that the environment names", async () => {
  const hosts: (string | undefined)[] = [];
  const proxy = createServer(cancelling).on("connect", (request, socket) => {
    hosts.push(request.url);
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    proxy.emit("connection", socket);
  });
  onTestFinished(() => void proxy.close().closeAllConnections());
  const { exitCode, stdout, stderr } = await run(
    process.execPath,
    ["--import", "tsx", "examples/through-a-proxy.ts", "upload_abc123"],
    {
      env: {
        OPENAI_API_KEY: "sk-test",
        OPENAI_BASE_URL: "http://api.invalid/v1",
        HTTP_PROXY: `http://127.0.0.1:${await listen(proxy)}`,
      },
    },
  );
  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: "cancelled\n", stderr: "" });
  expect(hosts).toEqual(["api.invalid:80"]);
});
