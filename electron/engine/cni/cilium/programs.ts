import { accountOf } from '../../programs/account.ts'
import type { NodeContext } from '../types.ts'
import { untilReached } from '../../kubernetes/connection.ts'
import type { Program } from '../../machine/types.ts'
import { Output, untilSignal } from '../../programs/output.ts'
import type { SystemServices } from '../../programs/types.ts'
import { CiliumAgent, SOCKET } from './agent.ts'
import { HUBBLE_SOCKET } from './hubble/agent-service.ts'
import { ciliumCli } from './cli.ts'
import { ciliumCommand } from './commands/index.ts'
import { startEnvoy } from './envoy.ts'
import { hubbleCommand } from './hubble/command.ts'
import { hubbleRelay } from './hubble/relay.ts'
import { logger } from './log.ts'
import { CILIUM_VERSION } from './manifests.ts'
import { CiliumOperator } from './operator.ts'

/** The programs of Cilium's images. */
export function ciliumPrograms(services: SystemServices): Record<string, Program> {
  return {
    'cilium-agent': agent(services), 'cilium-operator-generic': operator(services), 'cilium-envoy-starter': envoy(services), 'cilium-dbg': ciliumCommand(services),
    hubble: hubbleCommand(services), 'cilium-health': health, 'cilium-cli': ciliumCli(services), 'hubble-relay': hubbleRelay,
  }
}

/** enable-health-checking is false in cilium-config: there is no such daemon, and its client says so. */
const health: Program = function* (process) {
  const [command] = process.argv.slice(1)
  if (command === 'status' || command === 'get' || command === 'ping') {
    const path = command === 'ping' ? 'hello' : command === 'get' ? 'healthz' : process.argv.includes('--probe') ? 'status/probe' : 'status'
    const what = command === 'ping' ? 'Cannot ping' : command === 'get' ? 'Cannot get health' : `Cannot get ${path}`
    yield* process.printError(`Error: ${what}: ${path === 'status/probe' ? 'Put' : 'Get'} "http://localhost/v1beta/${path}": dial unix /var/run/cilium/health.sock: connect: no such file or directory\n\n`)
    return 1
  }
  yield* process.printError('podhop: not simulated: cilium-health (its daemon is off: enable-health-checking of cilium-config; use ping or hop matrix)\n')
  return 69
}

function agent(services: SystemServices): Program {
  return function* (process) {
    const out = new Output(process, 2)
    const log = logger(process, out)
    const found = services.nodeOf(process)
    if (!found) {
      log('fatal', 'failed to start: unable to find own node', 'daemon')
      yield* out.flush()
      return 1
    }
    const client = accountOf(process, found.client, ({ list, type, error }) => log('error', `k8sError`, 'k8s', `error="github.com/cilium/cilium/pkg/k8s/informer/informer.go:124: Failed to watch ${type}: ${list === undefined ? error : `failed to list ${type}: ${list}`}"`), { manager: 'cilium-agent' })
    const node: NodeContext = { ...found, client }
    log('info', '     _ _ _', 'daemon')
    log('info', ' ___|_| |_|_ _ _____', 'daemon')
    log('info', '|  _| | | | | |     |', 'daemon')
    log('info', '|___|_|_|_|___|_|_|_|', 'daemon')
    log('info', `Cilium ${CILIUM_VERSION.slice(1)} go version go1.24.2 linux/amd64`, 'daemon')
    log('info', 'Establishing connection to apiserver', 'k8s-client', `host="https://${node.config.nodes.find((n) => n.role === 'control-plane')?.ip ?? ''}:6443"`)
    yield* client.untilSynced(['nodes', 'services', 'endpointslices', 'pods', 'namespaces', 'networkpolicies'])
    const running = yield* untilReached(process.clock, () => new CiliumAgent(node, process, log))
    log('info', 'Connected to apiserver', 'k8s-client')
    process.onExit(() => running.stop())
    yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
    log('info', 'Exiting due to signal', 'hive', 'signal=terminated')
    for (const socket of [SOCKET, HUBBLE_SOCKET]) if (node.machine.fs.exists(socket)) node.machine.fs.remove(socket)
    yield* out.flush()
    return 0
  }
}

function operator(services: SystemServices): Program {
  return function* (process) {
    const out = new Output(process, 2)
    const log = logger(process, out)
    const found = services.nodeOf(process)
    if (!found) return 1
    const client = accountOf(process, found.client, ({ list, type, error }) => log('error', `k8sError`, 'k8s', `error="github.com/cilium/cilium/pkg/k8s/informer/informer.go:124: Failed to watch ${type}: ${list === undefined ? error : `failed to list ${type}: ${list}`}"`), { manager: 'cilium-operator-generic' })
    const node: NodeContext = { ...found, client }
    log('info', `Cilium Operator ${CILIUM_VERSION.slice(1)} go version go1.24.2 linux/amd64`, 'cilium-operator-generic')
    const running = yield* untilReached(process.clock, () => new CiliumOperator(node.client, process.clock, node.config.ipFamilies.map((f) => (f === 'IPv6' ? 6 : 4)), (message, level = 'info') => log(level, message, 'cilium-operator-generic')))
    process.onExit(() => running.stop())
    yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
    yield* out.flush()
    return 0
  }
}

function envoy(services: SystemServices): Program {
  return function* (process) {
    const node = services.nodeOf(process)
    if (!node) return 1
    const out = new Output(process, 2)
    const line = (text: string): void => out.write(`[${new Date(process.clock.wall()).toISOString().slice(0, 23).replace('T', ' ')}][7][info][main] ${text}\n`)
    line('initializing epoch 0 (base id=0, hot restart version=disabled)')
    const stop = startEnvoy(process, node)
    process.onExit(stop)
    line('starting main dispatch loop')
    yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
    line('exiting')
    yield* out.flush()
    return 0
  }
}
