import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'electron-vite'
import { kubernetesOpenApi } from './electron/engine/kubernetes/openapi/published.mjs'

/** One build: the hosts (main: Electron's entry, the cluster's process, the CLI), the preload, the window. */
export default defineConfig({
  main: {
    plugins: [kubernetesOpenApi()],
    build: {
      outDir: 'out/main',
      // What every start needs is in the bundle: as hundreds of small files it took a quarter of a second to load.
      externalizeDeps: { exclude: ['ws', 'yaml', 'zod'] },
      rollupOptions: {
        // native, and optional: it is looked for where npm puts it
        external: ['node-pty'],
        input: {
          desktop: 'electron/desktop/main.ts',
          'host-process': 'electron/desktop/host-process.ts',
          cli: 'electron/cli/main.ts',
        },
      },
    },
  },
  preload: {
    build: {
      outDir: 'out/preload',
      rollupOptions: { input: { preload: 'electron/desktop/preload.ts' }, output: { format: 'cjs', entryFileNames: '[name].cjs' } },
    },
  },
  renderer: {
    root: 'renderer',
    build: { outDir: 'out/renderer', rollupOptions: { input: 'renderer/index.html' } },
    plugins: [svelte()],
  },
})
