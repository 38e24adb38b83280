import { defineConfig, type ViteUserConfig } from "vitest/config";

// The tests must not depend on, nor send, what the developer's environment holds.
const env = { OPENAI_API_KEY: "", OPENAI_BASE_URL: "", OPENAI_ORG_ID: "", OPENAI_PROJECT_ID: "" };
const shared = { env, testTimeout: 30_000 }; // some start processes, and a machine may be busy

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
          include: ["test/*.test.{ts,tsx}", "test/cli/*.test.ts"],
          globalSetup: "test/support/setup.ts",
          typecheck: { enabled: true, tsconfig: "tsconfig.json", include: ["test/*.test-d.ts"] },
        },
      },
      { extends: true, test: { ...shared, name: "contract", include: ["test/contract/*.test.ts"] } },
      // The packed package in small projects of its own, which takes the npm registry, and Chromium.
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
      // Follows CONTRIBUTING.md and runs all the checks on what comes out.
      { extends: true, test: { ...shared, name: "guide", include: ["test/guide/*.test.ts"], testTimeout: 1_200_000 } },
      // In a browser.
      { extends: true, test: { ...shared, name: "docs", include: ["test/docs/*.test.ts"] } },
    ],
  },
});

export default config;
