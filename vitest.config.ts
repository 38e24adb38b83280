import { defineConfig, type ViteUserConfig } from "vitest/config";

// The tests must neither depend on the developer's settings nor send their key.
const env = { OPENAI_API_KEY: "", OPENAI_BASE_URL: "", OPENAI_ORG_ID: "", OPENAI_PROJECT_ID: "" };
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
          globalSetup: "test/support/setup.ts",
        },
      },
      {
        extends: true,
        test: { ...shared, name: "contract", include: ["test/contract/*.test.ts"], exclude: ["**/*.slow.test.ts"] },
      },
      // Starts npm and the tools around the contract.
      { extends: true, test: { ...shared, name: "tools", include: ["test/contract/*.slow.test.ts"] } },
      // Installs the packed package in small projects. Needs the npm registry and Chromium.
      {
        extends: true,
        test: {
          ...shared,
          name: "package",
          include: ["test/package/*.test.ts"],
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
