import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'electron-vite'
import type { Plugin } from 'vite'
import { kubernetesOpenApi } from './electron/engine/kubernetes/openapi/published.mjs'

/** Escapes what is not ASCII: see cli/compiled.mjs. */
function ascii(): Plugin {
  return {
    name: 'podhop:ascii',
    generateBundle: {
      // After all who print code: they would write the characters themselves again.
      order: 'post',
      handler(_options, bundle) {
        for (const chunk of Object.values(bundle)) {
          if (chunk.type !== 'chunk') continue
          const odd = /\\[^\0-\x7f]|String\.raw`(?:\$\{[^}]*\}|(?!\$\{)[\0-_a-\x7f])*[^\0-\x7f]/.exec(chunk.code)
          if (odd) this.error(`cannot be escaped: ${odd[0].slice(-80)}`)
          chunk.code = chunk.code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
        }
      },
    },
  }
}

/** One build: the hosts (main: Electron's entry, the cluster's process, the CLI), the preload, the window. */
export default defineConfig({
  main: {
    plugins: [kubernetesOpenApi(), ascii()],
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
        output: { format: 'cjs', entryFileNames: '[name].cjs', chunkFileNames: 'chunks/[name].cjs', dynamicImportInCjs: false },
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
