import { defineConfig, type ViteUserConfig } from "vitest/config";

// Of a proxy's two names, only one is left, so that a test can override it.
for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"]) {
  process.env[name] = process.env[name.toLowerCase()] ?? process.env[name] ?? "";
  delete process.env[name.toLowerCase()];
}
// The tests must neither depend on the developer's settings nor send their key.
const env = {
  ...{ OPENAI_API_KEY: "", OPENAI_BASE_URL: "", OPENAI_ORG_ID: "", OPENAI_PROJECT_ID: "" },
  ...{ HTTP_PROXY: "", HTTPS_PROXY: "", NO_PROXY: "" },
};
// To install packages takes the developer's proxy, which can't reach the servers of the tests.
const { HTTP_PROXY, HTTPS_PROXY, NO_PROXY } = process.env;
const envOfPackage = { HTTP_PROXY, HTTPS_PROXY, NO_PROXY: `${NO_PROXY},127.0.0.1,localhost` };
// Only a hang takes this long, even on a busy machine.
const shared = { env, testTimeout: 60_000, hookTimeout: 120_000 };

const config: ViteUserConfig = defineConfig({
  // The examples import the package by its name, as users do.
  resolve: { alias: { "openai-cancel-upload": new URL("src/index.ts", import.meta.url).pathname } },
  test: {
    maxWorkers: "150%", // Most tests wait for a process or a timer.
    projects: [
      {
        extends: true,
        test: {
          ...shared,
          name: "client",
          include: ["test/*.test.ts", "test/cli/*.test.ts"],
          exclude: ["test/start.test.ts", "test/**/*.slow.test.ts"],
          globalSetup: "test/support/setup.ts",
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: "contract",
          include: ["test/contract/*.test.ts"],
          exclude: ["test/**/*.slow.test.ts"],
        },
      },
      // Starts many processes: too slow for npm test.
      {
        extends: true,
        test: {
          ...shared,
          name: "tools",
          include: ["test/start.test.ts", "test/**/*.slow.test.ts"],
        },
      },
      // Installs the packed package in small projects. Needs the npm registry and Chromium.
      {
        extends: true,
        test: {
          ...shared,
          name: "package",
          include: ["test/package/*.test.ts"],
          env: { ...env, ...envOfPackage },
          globalSetup: ["test/support/setup.ts", "test/package/setup.ts"],
          testTimeout: 120_000,
          hookTimeout: 240_000,
        },
      },
      // Changes a copy of the repository as a contributor would, and runs all checks there.
      { extends: true, test: { ...shared, name: "guide", include: ["test/guide/*.test.ts"], testTimeout: 1_200_000 } },
      // Needs Chromium, and site/ from npm run docs.
      {
        extends: true,
        test: {
          ...shared,
          name: "docs",
          include: ["test/docs/*.test.ts"],
          testTimeout: 120_000,
          expect: { poll: { timeout: 60_000 } },
        },
      },
    ],
  },
});

export default config;
