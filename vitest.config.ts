import { defineConfig, type ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = defineConfig({
  test: {
    // Some compile, or start processes, on a machine that may be busy.
    testTimeout: 30_000,
    globalSetup: "test/support/prism-setup.ts",
    typecheck: { enabled: true, tsconfig: "tsconfig.json" },
    // The tests must not depend on, nor send, what the developer's environment holds.
    env: { OPENAI_API_KEY: "", OPENAI_BASE_URL: "", OPENAI_ORG_ID: "", OPENAI_PROJECT_ID: "" },
  },
});

export default config;
