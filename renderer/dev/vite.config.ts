import { svelte } from '@sveltejs/vite-plugin-svelte'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

/** Serves the window on a made-up host: `npx vite --config renderer/dev/vite.config.ts`, then /dev/index.html?lab. */
export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  plugins: [svelte()],
  build: { outDir: '../out/window-test', emptyOutDir: true, rollupOptions: { input: fileURLToPath(new URL('index.html', import.meta.url)) } },
  preview: { host: '127.0.0.1', port: 5199, strictPort: true },
  server: { host: '127.0.0.1', port: 5199, strictPort: true, fs: { allow: ['../..'] } },
})
