import { expect, test } from "vitest";
import { programs, projectWith } from "./project.js";

const project = projectWith({
  eslint: "9.39.2",
  "eslint-plugin-import": "2.32.0",
  "jest-29": "npm:jest@29.7.0",
  "jest-30": "npm:jest@30.5.2",
  "jest-environment-jsdom": "30.5.2",
  "jest-environment-jsdom-29": "npm:jest-environment-jsdom@29.7.0",
  "whatwg-fetch": "3.6.20",
});
const { options } = programs();

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
