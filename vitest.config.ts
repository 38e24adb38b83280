import { defineConfig, type ViteUserConfig } from "vitest/config";

// The tests must not depend on, nor send, what the developer's environment holds.
const env = { OPENAI_API_KEY: "", OPENAI_BASE_URL: "", OPENAI_ORG_ID: "", OPENAI_PROJECT_ID: "" };
const shared = { env, testTimeout: 30_000, hookTimeout: 60_000 }; // some start processes, and a machine may be busy

const config: ViteUserConfig = defineConfig({
  // The examples import this package as its users do.
  resolve: { alias: { "openai-cancel-upload": new URL("src/index.ts", import.meta.url).pathname } },
  test: {
    maxWorkers: "150%", // most wait for a process or a timer
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
      { extends: true, test: { ...shared, name: "contract", include: ["test/contract/*.test.ts"] } },
      // Installs the packed package in small projects, which needs the npm registry, and Chromium.
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
      // Works on a copy of the repository as a contributor does, and runs all the checks there.
      { extends: true, test: { ...shared, name: "guide", include: ["test/guide/*.test.ts"], testTimeout: 1_200_000 } },
      // Needs site/, which npm run docs writes, and Chromium.
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
