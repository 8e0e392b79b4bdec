import { defineConfig } from 'vitest/config'
import { kubernetesOpenApi } from '../../electron/engine/kubernetes/openapi/published.mjs'
import { WAITING } from '../../vitest.config.ts'

export default defineConfig({ plugins: [kubernetesOpenApi()], test: { include: ['tests/deep/**/*.test.ts', 'electron/engine/kubernetes/*.property.test.ts', 'tests/conformance/kernel-services.test.ts', 'electron/shell/journeys.property.test.ts', 'electron/shell/nettools/fuzz.test.ts', 'tests/conformance/tcpdump-filter.test.ts', ...WAITING], env: { PODHOP_DEEP: '1' }, testTimeout: 600_000 } })
