import { defineConfig } from 'vitest/config'
import { kubernetesOpenApi } from '../../electron/engine/kubernetes/openapi/published.mjs'
import { WAITING } from '../../vitest.config.ts'

const DEEP = ['tests/deep/**/*.test.ts', 'electron/engine/kubernetes/*.property.test.ts', 'electron/shell/journeys.property.test.ts', 'electron/shell/nettools/fuzz.test.ts', 'tests/conformance/tcpdump-filter.test.ts', ...WAITING]

export default defineConfig({
  plugins: [kubernetesOpenApi()],
  test: {
    // `npm run fuzz` names its files itself
    include: process.env.PODHOP_FUZZ ? ['**/*.test.ts'] : DEEP,
    setupFiles: ['tests/seed.ts'],
    env: { PODHOP_DEEP: '1' },
    // no test is about how fast a machine is: these end what hangs
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
})
