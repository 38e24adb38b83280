import { defineConfig, type UserConfig } from "tsdown";

const shared = { fixedExtension: false, target: "es2022", logLevel: "error" } satisfies UserConfig;

const config: UserConfig[] = defineConfig([
  {
    ...shared,
    entry: { index: "src/index.ts" },
    format: ["esm", "cjs"],
    dts: true,
    sourcemap: true,
    platform: "neutral",
  },
  // With all that it needs, so that those who only import the package don't install it.
  { ...shared, entry: { cli: "src/cli/cli.ts" }, dts: false, platform: "node", deps: { onlyBundle: false } },
]);

export default config;
