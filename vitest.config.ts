import { defineConfig, type ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = defineConfig({
  // The examples import this package as its users do.
  resolve: { alias: { "openai-cancel-upload": new URL("src/index.ts", import.meta.url).pathname } },
  test: {
    globalSetup: "test/support/setup.ts",
    testTimeout: 30_000, // some start processes, and a machine may be busy
    maxWorkers: "150%", // most wait for a process or a timer
    typecheck: { enabled: true, tsconfig: "tsconfig.json" },
    // The tests must not depend on, nor send, what the developer's environment holds.
    env: { OPENAI_API_KEY: "", OPENAI_BASE_URL: "", OPENAI_ORG_ID: "", OPENAI_PROJECT_ID: "" },
  },
});

export default config;
