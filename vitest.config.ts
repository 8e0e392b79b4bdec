import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { kubernetesOpenApi } from './electron/engine/kubernetes/openapi/published.mjs'

export default defineConfig({
  plugins: [kubernetesOpenApi()],
  test: {
    include: ['electron/**/*.test.ts', 'renderer/**/*.test.ts', 'tests/conformance/**/*.test.ts'],
    environment: 'node',
    testTimeout: 20_000,
    // referees wait for real pings and timeouts: two at a time even where there are two cores
    maxWorkers: Math.max(2, availableParallelism()),
  },
})
