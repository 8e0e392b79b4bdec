import type { Pod } from '../../kubernetes/types.ts'
import { untilReached } from '../../kubernetes/connection.ts'
import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { accountOf, tellFailure } from '../account.ts'
import { reachApi } from '../api-way.ts'
import { supervise } from '../become.ts'
import { klogLine } from '../klog.ts'
import { Output, untilSignal } from '../output.ts'
import type { SystemServices } from '../types.ts'
import { webhookCertgen } from './certgen.ts'
import { COMPONENT, Controller } from './controller.ts'
import { readFlags } from './flags.ts'
import { dbg, nginxInside } from './inside.ts'

/** kubernetes/ingress-nginx v1.12.2: cmd/nginx, and what else is in the image. */
const BANNER = `-------------------------------------------------------------------------------
NGINX Ingress controller
  Release:       v1.12.2
  Build:         git-b96ffb9d5
  Repository:    https://github.com/kubernetes/ingress-nginx
  nginx version: nginx/1.25.5

-------------------------------------------------------------------------------

`
const EXIT_DELAY = 10_000

export function ingressNginx(services: SystemServices): Record<string, Program> {
  return {
    'nginx-ingress-controller': (process) => run(process, services),
    'nginx-ingress-wait-shutdown': waitShutdown,
    'nginx-ingress-nginx': nginxInside,
    'nginx-ingress-dbg': dbg,
    'kube-webhook-certgen': webhookCertgen(services),
    'dumb-init': (process) => supervise(process, process.argv.slice(process.argv[1] === '--' ? 2 : 1)),
  }
}

/** The image's preStop hook: asks the controller to end, and waits until nginx has. */
function* waitShutdown(process: Process): Task<number> {
  const controllers = [...process.machine.processes.values()].filter((p) => p.argv[0] === '/nginx-ingress-controller')
  for (const each of controllers) each.signal('SIGTERM')
  while (controllers.some((p) => !p.status && p.network.sockets.list().some((s) => s.state === 'LISTEN' && s.localPort === 80))) yield* process.sleep(1000, { background: false })
  return 0
}

function* run(process: Process, services: SystemServices): Task<number> {
  const flags = readFlags(process.argv.slice(1))
  if ('error' in flags) {
    yield* process.printError(flags.error)
    return 69
  }
  if (flags.values.get('version') === 'true') {
    yield* process.print(BANNER)
    return 0
  }
  const namespace = process.env.get('POD_NAMESPACE') ?? ''
  const name = process.env.get('POD_NAME') ?? ''
  const out = new Output(process, 1)
  const errors = new Output(process, 2)
  const log = (source: string, text: string, severity: 'I' | 'W' | 'E' | 'F' = 'I'): void => errors.write(klogLine(process.clock.wall(), severity, process.pid, source, text))
  const client = accountOf(process, yield* reachApi(process, services), (failure) => tellFailure({ minor: 33, patch: 3 }, failure, (severity, source, text) => log(source, text, severity)), { manager: COMPONENT })
  out.write(BANNER)
  // checkService of its main.go
  const [home, service] = (flags.values.get('publish-service') ?? '').split('/')
  if (service !== undefined && client.refusal({ verb: 'get', resource: 'services', namespace: home, name: service })) {
    log('main.go:92', '✖ the cluster seems to be running with a restrictive Authorization mode and the Ingress controller does not have the required permissions to operate normally', 'F')
    yield* errors.flush()
    return 255
  }
  const pod = yield* untilReached(process.clock, () => client.list<Pod>('pods', { namespace, fieldSelector: `metadata.name=${name}` }).items[0])
  if (!pod) {
    log('main.go:118', `Unexpected error obtaining ingress-nginx pod: unable to get POD information (missing POD_NAME or POD_NAMESPACE environment variable`, 'F')
    yield* errors.flush()
    return 255
  }
  const controller = new Controller(process, client, pod, flags.values, { out: (text) => out.write(text), error: (text) => errors.write(text), log })
  process.onExit(() => controller.stop())
  if (!(yield* controller.start())) {
    yield* errors.flush()
    return 255
  }
  yield* untilSignal(process, ['SIGTERM'])
  log('sigterm.go:36', '"Received SIGTERM, shutting down"')
  log('nginx.go:393', '"Shutting down controller queues"')
  controller.shutdown()
  log('nginx.go:409', '"Stopping NGINX process"')
  controller.stop()
  log('nginx.go:422', '"NGINX process has stopped"')
  log('sigterm.go:44', `Handled quit, delaying controller exit for ${EXIT_DELAY / 1000} seconds`)
  yield* process.sleep(EXIT_DELAY, { background: false })
  log('sigterm.go:47', '"Exiting" code=0')
  yield* out.flush()
  yield* errors.flush()
  return 0
}
