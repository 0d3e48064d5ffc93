import optimizeLocales from "@react-aria/optimize-locales-plugin";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { gateway } from "./dev/gateway.ts";
import { sizes } from "./dev/sizes.ts";

export default defineConfig({
  plugins: [
    react(),
    { ...optimizeLocales.vite({ locales: ["ko-KR", "en-US"] }), enforce: "pre" },
    gateway(process.env.DANGOL_URL, process.env.DANGOL_TOKEN),
    sizes(),
  ],
  build: { target: "es2022", sourcemap: false, modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  server: { host: "127.0.0.1", port: Number(process.env.WEB_PORT ?? 5173), strictPort: true },
  preview: { host: "127.0.0.1", port: Number(process.env.WEB_PORT ?? 5173), strictPort: true },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
