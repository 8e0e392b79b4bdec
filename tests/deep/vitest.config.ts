import { defineConfig } from 'vitest/config'

export default defineConfig({ test: { include: ['tests/deep/**/*.test.ts', 'tests/conformance/tcpdump-filter.test.ts'], env: { PODHOP_DEEP: '1' }, testTimeout: 600_000 } })
