import { defineConfig } from 'vitest/config'

export default defineConfig({ test: { include: ['tests/deep/**/*.test.ts'], testTimeout: 600_000 } })
