import { defineConfig } from 'vitest/config'
import { kubernetesOpenApi } from './electron/engine/kubernetes/openapi/published.mjs'

export default defineConfig({
  plugins: [kubernetesOpenApi()],
  test: {
    include: ['electron/**/*.test.ts', 'renderer/**/*.test.ts', 'tests/conformance/**/*.test.ts'],
    environment: 'node',
    testTimeout: 20_000,
  },
})
