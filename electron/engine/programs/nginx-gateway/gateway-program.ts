import { accountOf } from '../account.ts'
import { reachApi } from '../api-way.ts'
import { untilReached } from '../../kubernetes/connection.ts'
import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { parseGoFlags } from '../go-flags.ts'
import { GO_NOT_FOUND, serveGo, splitTarget } from '../http/go.ts'
import { Output, untilSignal } from '../output.ts'
import type { SystemServices } from '../types.ts'
import { ControlPlane } from './control-plane.ts'
import { gatewayNginx, gatewayNginxCommand } from './data-plane.ts'
import { CONTROLLER, GROUP } from './types.ts'

/** nginx/nginx-gateway-fabric v2.2.2: cmd/gateway, the control plane of the Gateway API's implementation with nginx. */
const FLAGS = ['gateway-ctlr-name', 'gatewayclass', 'config', 'service', 'metrics-port', 'health-port', 'leader-election-lock-name'] as const
const EXPERIMENTAL = 'gateway-api-experimental-features'
const NEEDED = ['GatewayClass', 'Gateway', 'HTTPRoute', 'ReferenceGrant']

export function nginxGateway(services: SystemServices): Record<string, Program> {
  return {
    'nginx-gateway': (process) => {
      switch (process.argv[1]) {
        case 'controller':
          return control(process, services)
        case 'initialize':
          return initialize(process)
        default:
          return unknown(process)
      }
    },
    'nginx-gateway-nginx': gatewayNginx,
    'nginx-gateway-command': gatewayNginxCommand,
  }
}

function* unknown(process: Process): Task<number> {
  yield* process.printError(`podhop: not simulated: gateway ${process.argv[1] ?? ''} (controller and initialize are)\n`)
  return 69
}

/** The init container of an nginx Pod: copies each --source into the --destination after it. */
function* initialize(process: Process): Task<number> {
  const { argv, fs } = process
  for (let i = 2; i + 3 < argv.length; i += 4) {
    const [source, destination] = [argv[i + 1]!, argv[i + 3]!]
    if (argv[i] !== '--source' || argv[i + 2] !== '--destination') return yield* unknown(process)
    if (!fs.exists(source)) {
      yield* process.printError(`Error: failed to copy files: error opening source file: open ${source}: no such file or directory\n`)
      return 1
    }
    fs.writeFile(`${destination}/${source.slice(source.lastIndexOf('/') + 1)}`, fs.readText(source))
  }
  return 0
}

function* control(process: Process, services: SystemServices): Task<number> {
  const flags = parseGoFlags(process.argv.slice(2), [...FLAGS.map((name) => ({ name, kind: 'string' as const })), { name: EXPERIMENTAL, kind: 'bool' }])
  if ('error' in flags) {
    yield* process.printError(`podhop: not simulated: ${flags.error} (the flags of the manifest are)\n`)
    return 69
  }
  const out = new Output(process, 2)
  const log = (level: 'info' | 'error', logger: string | undefined, msg: string, more: object = {}): void =>
    out.write(`${JSON.stringify({ level, ts: new Date(process.clock.wall()).toISOString().replace('.000Z', 'Z').replace(/\.\d+Z$/, 'Z'), ...(logger ? { logger } : {}), msg, ...more })}\n`)
  log('info', undefined, 'Starting the NGINX Gateway Fabric control plane', { version: '2.2.2', commit: '', date: '', dirty: 'false' })
  const client = accountOf(process, yield* reachApi(process, services), ({ error, type }) => log('error', 'controller-runtime.cache.UnhandledError', 'Failed to watch', { reflector: 'pkg/mod/k8s.io/client-go@v0.34.1/tools/cache/reflector.go:290', type, error }), { manager: 'gateway' })
  const experimental = /^(1|t|true)$/i.test(flags.values.get(EXPERIMENTAL) ?? '')
  const needed = experimental ? [...NEEDED, 'BackendTLSPolicy', 'TLSRoute'] : NEEDED
  const missing = yield* untilReached(process.clock, () => needed.find((kind) => !client.resources().some((r) => r.group === GROUP && r.kind === kind)) ?? 'none')
  if (missing !== 'none') {
    log('error', undefined, 'failed to start control loop', { error: `failed to wait for ${missing?.toLowerCase()} caches to sync: no matches for kind "${missing}" in version "${GROUP}/${missing === 'TLSRoute' ? 'v1alpha2' : missing === 'BackendTLSPolicy' ? 'v1alpha3' : 'v1'}"` })
    yield* out.flush()
    return 1
  }
  const { values } = flags
  const plane = new ControlPlane(process, client, {
    controller: values.get('gateway-ctlr-name') ?? CONTROLLER,
    gatewayClass: values.get('gatewayclass') ?? 'nginx',
    service: values.get('service') ?? 'nginx-gateway',
    lease: values.get('leader-election-lock-name') ?? 'nginx-gateway-leader-election',
    namespace: process.env.get('POD_NAMESPACE') ?? '',
    pod: process.env.get('POD_NAME') ?? '',
    instance: process.env.get('INSTANCE_NAME') ?? 'nginx-gateway',
    image: process.env.get('IMAGE_NAME') ?? '',
    experimental,
    log,
  })
  process.onExit(() => plane.stop())
  serveGo(process, 'gateway', Number(values.get('health-port') ?? 8081), undefined, ({ target }) =>
    splitTarget(target).path !== '/readyz' ? GO_NOT_FOUND : plane.ready ? { body: 'ok' } : { status: 503, body: 'Service Unavailable' })
  log('info', undefined, 'Starting manager')
  plane.start()
  yield* untilSignal(process, ['SIGTERM', 'SIGINT'])
  log('info', undefined, 'Stopping and waiting for non leader election runnables')
  plane.stop()
  yield* out.flush()
  return 0
}
