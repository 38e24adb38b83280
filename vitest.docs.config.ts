import { defineConfig, type ViteUserConfig } from "vitest/config";

// Apart from the other tests, since it needs a browser: `npm run test:docs`.
const config: ViteUserConfig = defineConfig({ test: { include: ["test/docs.browser.ts"], testTimeout: 30_000 } });

export default config;
