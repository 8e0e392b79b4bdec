import { defineConfig } from '@playwright/test'
import base from '../../playwright.config.ts'

/** The window alone, on its made-up host: `npx playwright test --config renderer/dev/playwright.config.ts`. */
export default defineConfig({
  ...base,
  testDir: '.',
  testMatch: '*.spec.ts',
  timeout: 300_000,
  outputDir: '../../test-results/window',
  use: { ...base.use, baseURL: 'http://127.0.0.1:5199' },
  webServer: { command: 'npx --no-install vite build --config renderer/dev/vite.config.ts && npx --no-install vite preview --config renderer/dev/vite.config.ts', cwd: '../..', url: 'http://127.0.0.1:5199/dev/index.html', reuseExistingServer: true, timeout: 300_000 },
})
