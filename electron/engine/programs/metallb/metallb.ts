import type { ReflectorFailure } from '../../kubernetes/rbac/account-reflector.ts'
import { accountOf, tellFailure } from '../account.ts'
import { reachApi } from '../api-way.ts'
import { klogLine } from '../klog.ts'
import { untilReached } from '../../kubernetes/connection.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { parseGoFlags } from '../go-flags.ts'
import { exposition } from '../../prometheus.ts'
import { GO_NOT_FOUND, serveGo, splitTarget } from '../http/go.ts'
import { Output, untilSignal } from '../output.ts'
import type { SystemServices } from '../types.ts'
import { MetalController, type MetalLog } from './controller.ts'
import { Members } from './members.ts'
import { Speaker } from './speaker.ts'
import { makeMemberlistSecret, rotateCertificates, serveWebhooks } from './webhooks.ts'

/** The programs of MetalLB's images, v0.14 and v0.15, in layer 2 mode and in BGP mode, native (controller/main.go, speaker/main.go). */
const NAMESPACE_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace'
const HINT = '(the flags of the published manifest are)'

export function metallbPrograms(services: SystemServices): Record<string, Program> {
  return { 'metallb-controller': (process) => controller(process, services), 'metallb-speaker': (process) => speaker(process, services) }
}

/** internal/logging: --log-level, from the one that tells most to the one that tells nothing. */
const LEVELS = ['all', 'debug', 'info', 'warn', 'error', 'none']

/** go-kit's JSON lines: keys in order. */
function logger(process: Process, out: Output, least: string): MetalLog {
  return (level, caller, fields) => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return
    const all = { ...fields, caller, level, ts: new Date(process.clock.wall()).toISOString().replace(/\.\d+Z$/, 'Z') }
    out.write(`${JSON.stringify(Object.fromEntries(Object.entries(all).filter(([, v]) => v !== undefined).sort(([a], [b]) => (a < b ? -1 : 1))))}\n`)
  }
}

function* refuse(process: Process, what: string): Task<number> {
  yield* process.printError(`podhop: not simulated: ${what} ${HINT}\n`)
  return 69
}

/** What of the flags is declared, but nothing here heeds. */
function unheeded(values: ReadonlyMap<string, string>): string | undefined {
  const accepted: Readonly<Record<string, readonly string[]>> = { 'log-level': LEVELS, 'tls-min-version': ['VersionTLS12'], 'webhook-mode': ['enabled', 'disabled'], 'disable-cert-rotation': ['false'], deployment: [] }
  for (const [name, good] of Object.entries(accepted)) {
    const value = values.get(name)
    if (value !== undefined && !good.includes(value)) return `--${name}=${value}`
  }
  return undefined
}

function namespaceOf(process: Process): string {
  const { fs, env } = process
  return env.get('METALLB_NAMESPACE') || (fs.exists(NAMESPACE_FILE) ? fs.readText(NAMESPACE_FILE).trim() : 'metallb-system')
}

/** Without its definitions neither part can do anything: the manager waits for them, then gives up. */
function* untilDefined(process: Process, client: KubernetesClient): Task<boolean> {
  return yield* untilReached(process.clock, () => client.resources().some((r) => r.group === 'metallb.io' && r.kind === 'IPAddressPool'))
}

function serveMetrics(process: Process, port: number, text: () => string): void {
  serveGo(process, process.argv[0]!.split('/').at(-1)!, port, undefined, ({ target }) =>
    splitTarget(target).path === '/metrics' ? { headers: [['Content-Type', 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores']], body: text() } : GO_NOT_FOUND)
}

/** controller-runtime's reflectors, through klog. */
function tellOf(process: Process): (failure: ReflectorFailure) => void {
  const errors = new Output(process, 2)
  return (failure) => tellFailure({ minor: 32, patch: 3 }, failure, (severity, source, text) => errors.write(klogLine(process.clock.wall(), severity, process.pid, source, text)))
}

function* controller(process: Process, services: SystemServices): Task<number> {
  const flags = parseGoFlags(process.argv.slice(1), [...['log-level', 'tls-min-version', 'lb-class', 'ml-secret-name', 'deployment', 'webhook-mode', 'namespace'].map((name) => ({ name, kind: 'string' as const })), { name: 'port', kind: 'int' }, { name: 'disable-cert-rotation', kind: 'bool' }])
  if ('error' in flags) return yield* refuse(process, flags.error)
  const { values } = flags
  const odd = unheeded(values)
  if (odd !== undefined) return yield* refuse(process, odd)
  const out = new Output(process, 1)
  const log = logger(process, out, values.get('log-level') ?? 'info')
  const client = accountOf(process, yield* reachApi(process, services), tellOf(process), { manager: 'controller' })
  const namespace = values.get('namespace') ?? namespaceOf(process)
  log('info', 'main.go:182', { branch: 'HEAD', msg: 'MetalLB controller starting' })
  if (!(yield* untilDefined(process, client))) {
    log('error', 'main.go:250', { error: 'no matches for kind "IPAddressPool" in version "metallb.io/v1beta1"', msg: 'failed to create k8s client', op: 'startup' })
    yield* out.flush()
    return 1
  }
  const secret = values.get('ml-secret-name') ?? process.env.get('METALLB_ML_SECRET_NAME') ?? ''
  if (secret !== '') yield* untilReached(process.clock, () => makeMemberlistSecret(client, namespace, secret, process.clock.random.fork(`metallb ${namespace}/${secret}`)))
  if (values.get('webhook-mode') !== 'disabled') {
    const chain = yield* untilReached(process.clock, () => rotateCertificates(process, client, namespace))
    process.onExit(serveWebhooks(process, client, chain))
    log('info', 'webhook.go:33', { msg: 'webhooks enabled', op: 'startup' })
  }
  const running = new MetalController(client, process.clock, { lbClass: values.get('lb-class') ?? '', namespace, log })
  process.onExit(() => running.stop())
  serveMetrics(process, Number(values.get('port') ?? 7472), () => running.metrics())
  yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
  yield* out.flush()
  return 0
}

function* speaker(process: Process, services: SystemServices): Task<number> {
  const flags = parseGoFlags(process.argv.slice(1), [...['log-level', 'lb-class', 'namespace', 'ml-labels', 'ml-bindaddr'].map((name) => ({ name, kind: 'string' as const })), { name: 'port', kind: 'int' }, { name: 'ignore-exclude-lb', kind: 'bool' }])
  if ('error' in flags) return yield* refuse(process, flags.error)
  if ((process.env.get('METALLB_BGP_TYPE') ?? 'native') !== 'native') return yield* refuse(process, `METALLB_BGP_TYPE=${process.env.get('METALLB_BGP_TYPE')!}`)
  const { values } = flags
  const odd = unheeded(values)
  if (odd !== undefined) return yield* refuse(process, odd)
  const out = new Output(process, 1)
  const log = logger(process, out, values.get('log-level') ?? 'info')
  const client = accountOf(process, yield* reachApi(process, services), tellOf(process), { manager: 'speaker', onlyLists: true })
  const context = services.nodeOf(process)
  if (!context) return yield* refuse(process, 'a speaker without hostNetwork')
  log('info', 'main.go:98', { branch: 'HEAD', msg: 'MetalLB speaker starting' })
  if (!(yield* untilDefined(process, client))) {
    log('error', 'main.go:240', { error: 'no matches for kind "IPAddressPool" in version "metallb.io/v1beta1"', msg: 'failed to create k8s client', op: 'startup' })
    yield* out.flush()
    return 1
  }
  const namespace = values.get('namespace') ?? namespaceOf(process)
  const ip = values.get('ml-bindaddr') ?? process.env.get('METALLB_ML_BIND_ADDR') ?? ''
  const running: { speaker?: Speaker } = {}
  const members = ip === '' ? undefined : new Members(process.clock, context.network, { node: context.name, ip }, { pid: process.pid, program: 'speaker' }, (node, alive) => {
    log('info', 'speakerlist.go:310', { msg: `node event - ${alive ? 'join' : 'leave'}: ${node}`, node, op: 'memberDiscovery' })
    running.speaker?.membersChanged()
  })
  if (members) process.onExit(() => members.stop())
  const labels = values.get('ml-labels') ?? process.env.get('METALLB_ML_LABELS') ?? 'app=metallb,component=speaker'
  const started = yield* untilReached(process.clock, () => new Speaker(context, client, { namespace, lbClass: values.get('lb-class') ?? '', ignoreExcluded: /^(1|t|true)$/i.test(values.get('ignore-exclude-lb') ?? ''), labels, members, pid: process.pid, log }))
  running.speaker = started
  process.onExit(() => started.stop())
  serveMetrics(process, Number(values.get('port') ?? 7472), () => exposition(started.metrics()))
  yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
  yield* out.flush()
  return 0
}
