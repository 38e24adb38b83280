import { expect, test } from "vitest";
import { programs, projectWith } from "./project.js";

const project = projectWith({
  eslint: "9.39.2",
  "eslint-plugin-import": "2.32.0",
  "jest-29": "npm:jest@29.7.0",
  "jest-30": "npm:jest@30.5.2",
  "jest-environment-jsdom": "30.5.2",
  "jest-environment-jsdom-29": "npm:jest-environment-jsdom@29.7.0",
  "jest-fixed-jsdom": "0.0.11",
  jsdom: "27.4.0",
  vitest: "4.1.12",
  "whatwg-fetch": "3.6.20",
});
const { options } = programs();

const imported = "ApiError, cancelUpload, ConnectionError, createClient, InvalidResponseError, TimeoutError";

/** The tests of a caller's code as the README shows them, in one of the realms that a test runner makes. */
const callersTests = `
  const upload = { id: "upload_abc123", status: "cancelled" };
  const cancel = (fetch, timeout) =>
    cancelUpload(createClient({ apiKey: "sk-test", maxRetries: 0, timeout, fetch }), upload.id);

  test("a response cancels", async () => {
    expect(typeof window).toBe("object");
    expect(await cancel(async () => Response.json(upload))).toMatchObject(upload);
  });

  test("a response in several chunks cancels", async () => {
    const chunks = [...JSON.stringify(upload)].map((character) => new TextEncoder().encode(character));
    const body = new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk);
        controller.close();
      },
    });
    expect(await cancel(async () => new Response(body))).toMatchObject(upload);
  });

  test("an error of each class comes from a fetch", async () => {
    const errorOf = (fetch, timeout) => cancel(fetch, timeout).catch((error) => error);
    expect(await errorOf(async () => Response.json({}, { status: 404 }))).toBeInstanceOf(ApiError);
    const other = { id: "upload_def456", status: "cancelled" };
    expect(await errorOf(async () => Response.json(other))).toBeInstanceOf(InvalidResponseError);
    expect(await errorOf(() => Promise.reject(new TypeError("lost")))).toBeInstanceOf(ConnectionError);
    expect(await errorOf(() => new Promise(() => {}), 10)).toBeInstanceOf(TimeoutError);
  });

  test("an abort rejects with the signal's reason", async () => {
    const reason = new Error("stopped");
    const client = createClient({ apiKey: "sk-test", fetch: () => new Promise(() => {}) });
    await expect(cancelUpload(client, upload.id, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
`;

test.for(["29", "30"])("Jest %s with its defaults runs a test that cancels an Upload", async (version) => {
  const file = project.write(
    "defaults.test.js",
    `const { cancelUpload, createClient } = require("openai-cancel-upload");
     test("cancels", async () => {
       expect(await cancelUpload(createClient(${options}), "upload_abc123")).toMatchObject({ status: "cancelled" });
     });`,
  );
  await project.output(process.execPath, `node_modules/jest-${version}/bin/jest.js`, file);
});

test.for([
  ["29", "jsdom-29"],
  ["30", "jsdom"],
])("Jest %s with jsdom, which has no fetch, runs a test with a polyfill", async ([version, environment]) => {
  const file = project.write(
    `jsdom-${version}.test.js`,
    `const { cancelUpload, createClient } = require("openai-cancel-upload");
     test("cancels", async () => {
       expect(typeof fetch).toBe("undefined");
       const { fetch: fetchByXhr } = require("whatwg-fetch");
       const client = createClient({ ...${options}, fetch: fetchByXhr, signal: new AbortController().signal });
       expect(await cancelUpload(client, "upload_abc123")).toMatchObject({ status: "cancelled" });
       const controller = new AbortController();
       controller.abort();
       await expect(cancelUpload(client, "upload_abc123", controller)).rejects.toThrow("aborted");
     });`,
  );
  await project.output(process.execPath, `node_modules/jest-${version}/bin/jest.js`, `--env=${environment}`, file);
});

test("Vitest with jsdom runs the tests of a caller's code", async () => {
  project.write(
    "vitest.test.mjs",
    `import { ${imported} } from "openai-cancel-upload";
     import { expect, test } from "vitest";
     ${callersTests}`,
  );
  await project.output(process.execPath, "node_modules/vitest/vitest.mjs", "run", "--environment=jsdom", "vitest");
});

test("Jest with jest-fixed-jsdom runs the tests of a caller's code", async () => {
  const file = project.write(
    "fixed-jsdom.test.js",
    `const { ${imported} } = require("openai-cancel-upload");
     ${callersTests}`,
  );
  await project.output(process.execPath, "node_modules/jest-30/bin/jest.js", "--env=jest-fixed-jsdom", file);
});

test("a vm context, which has its own Uint8Array and Error, runs a program that cancels", async () => {
  const program = project.write(
    "vm.cjs",
    `const { readFileSync } = require("node:fs");
     const vm = require("node:vm");
     const { AbortController, AbortSignal, fetch, Headers, Request, Response, URL, TextDecoder, performance } = globalThis;
     const platform = { AbortController, AbortSignal, fetch, Headers, Request, Response, URL, TextDecoder, performance };
     const module_ = { exports: {} };
     const context = vm.createContext({ ...platform, module: module_, require, setTimeout, clearTimeout });
     vm.runInContext(readFileSync("node_modules/openai-cancel-upload/dist/index.cjs", "utf8"), context);
     const { cancelUpload, createClient } = module_.exports;
     cancelUpload(createClient(${options}), "upload_abc123").then(({ status }) => console.log(status));`,
  );
  expect(await project.output(process.execPath, program)).toBe("cancelled\n");
});

test("eslint-plugin-import can resolve the package", async () => {
  project.write(
    "eslint.config.js",
    `const { flatConfigs } = require("eslint-plugin-import");
     module.exports = [flatConfigs.recommended, { languageOptions: { ecmaVersion: 2022, sourceType: "module" } }];`,
  );
  const file = project.write(
    "linted.js",
    `import { cancelUpload, createClient } from "openai-cancel-upload";
     export const cancel = (id) => cancelUpload(createClient(), id);`,
  );
  expect(await project.output("node_modules/.bin/eslint", file)).toBe("");
});
