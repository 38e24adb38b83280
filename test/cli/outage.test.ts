import { expect, test } from "vitest";
import { cancelUpload } from "../support/cli.js";
import { cancelling, json, serve } from "../support/server.js";

test("a run survives an outage, and says in a log that the API is down", async () => {
  await using server = await serve((request, response) => {
    // The first eight requests close the run, and the first two probes, after 0.5 s and 1 s, don't get through either.
    const isDown = server.requests.length <= 10;
    return (isDown ? json(500, {}) : cancelling)(request, response);
  });
  const input = Array.from({ length: 100 }, (_, index) => `upload_${index}\n`).join("");
  const { exitCode, stdout, stderr } = await cancelUpload(server.url, ["-"], input);
  expect(exitCode).toBe(0);
  expect(stdout.match(/^cancelled {2}/gm)).toHaveLength(100);
  expect(stderr).toMatch(/^API down for \d s, giving up in \d\d s\n100 cancelled, 0 failed\n$/);
  expect(server.requests).toHaveLength(110);
});
