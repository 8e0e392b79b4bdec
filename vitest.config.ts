import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig } from 'vitest/config'
import { kubernetesOpenApi } from './electron/engine/kubernetes/openapi/published.mjs'

/** Referees that mostly wait, for real traceroutes, terminals and their timeouts, and the longest stories: `npm run test:deep` runs them. */
export const WAITING = [
  'electron/engine/network/referee.test.ts', 'electron/engine/network/ipv6.referee.test.ts', 'electron/engine/proxy/nftables/kernel.referee.test.ts',
  'tests/conformance/kernel-services.test.ts', 'tests/conformance/kernel-services6.test.ts', 'tests/conformance/kernel-policies.test.ts', 'tests/conformance/nettools.test.ts', 'tests/conformance/nettools-ipv6.test.ts',
  'tests/conformance/nettools-trace.test.ts', 'tests/conformance/nettools-legacy.test.ts', 'tests/conformance/nettools-transfers.test.ts',
  'tests/conformance/nettools-wget.test.ts', 'tests/conformance/nettools-ip.test.ts', 'tests/conformance/nettools-options.test.ts',
  'tests/conformance/nettools-dns.test.ts', 'tests/conformance/nettools-resolver.test.ts', 'tests/conformance/readline.test.ts', 'tests/conformance/userland.test.ts',
  'tests/conformance/kubectl-corners-deep.test.ts', 'tests/conformance/faults-deep.test.ts', 'electron/shell/http2-controllers.test.ts', 'electron/shell/ingress/gateway-conformance.test.ts', 'tests/conformance/by-hand.test.ts',
  'tests/conformance/kubectl-declarative.test.ts', 'electron/engine/cni/kube-router/kernel.referee.test.ts', 'electron/engine/network/nftables/nft.referee.test.ts', 'electron/shell/hop/capture.referee.test.ts', 'electron/shell/hop/reasons-deep.test.ts',
]

export default defineConfig({
  plugins: [kubernetesOpenApi()],
  test: {
    include: ['electron/**/*.test.ts', 'renderer/**/*.test.ts', 'tests/conformance/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...WAITING],
    environment: 'node',
    setupFiles: ['tests/seed.ts'],
    // the files of one worker share their modules: to load the engine for each takes longer than most tests
    isolate: false,
    // no test is about how fast a machine is: these end what hangs
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // referees wait for real tools: two at a time even where there is one core
    maxWorkers: Math.max(2, availableParallelism()),
  },
})
