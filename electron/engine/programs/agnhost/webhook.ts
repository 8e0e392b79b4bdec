import { encodeBase64 } from '../../kubernetes/base64.ts'
import { isObject } from '../../kubernetes/json.ts'
import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { byName, own } from '../../own.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { GO_NOT_FOUND, serveGo, splitTarget, type GoAnswer } from '../http/go.ts'
import { headerOf } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import { klogLine } from '../klog.ts'
import { Output } from '../output.ts'
import { loadPair } from '../tls/pair.ts'
import { cobraFlags, listenError } from './flags.ts'

/** agnhost webhook: admission webhooks as upstream's end-to-end tests register them (kubernetes/test/images/agnhost/webhook). */

interface Review {
  resource: string
  operation: string
  name: string
  subResource: string
  /** Of a DELETE the one that goes. */
  object: { metadata?: { name?: string; labels?: Record<string, string> }; data?: Record<string, string>; spec?: { containers?: { name: string }[]; initContainers?: { name: string }[] } }
  stdin: boolean
  container: string
}
interface Verdict { allowed: boolean; status?: { message?: string; reason?: string; status?: string; code?: number }; patch?: readonly object[] }

const ALLOWED: Verdict = { allowed: true }
const FIVE_SECONDS = 5_000

function addLabel({ object: { metadata } }: Review): Verdict {
  const labels = metadata?.labels ?? {}
  const path = '/metadata/labels/added-label'
  if (Object.keys(labels).length === 0) return { allowed: true, patch: [{ op: 'add', path: '/metadata/labels', value: { 'added-label': 'yes' } }] }
  const value = own(labels, 'added-label')
  return value === 'yes' ? ALLOWED : { allowed: true, patch: [{ op: value === undefined ? 'add' : 'replace', path, value: 'yes' }] }
}

function admitPods({ object: { metadata, spec } }: Review): Verdict {
  const why: string[] = []
  if (metadata?.labels?.['webhook-e2e-test'] === 'webhook-disallow') why.push('the pod contains unwanted label;')
  for (const { name } of spec?.containers ?? []) if (name.includes('webhook-disallow')) why.push('the pod contains unwanted container name;')
  return why.length > 0 ? { allowed: false, status: { message: why.join(' ') } } : ALLOWED
}

function mutatePods({ object: { metadata, spec } }: Review): Verdict {
  const name = 'webhook-added-init-container'
  if (metadata?.name !== 'webhook-to-be-mutated' || spec?.initContainers?.some((c) => c.name === name)) return ALLOWED
  return { allowed: true, patch: [{ op: 'add', path: '/spec/initContainers', value: [{ image: 'webhook-added-image', name, resources: {} }] }] }
}

function addSidecar({ object: { spec } }: Review, image: string): Verdict {
  if (image === '') return { allowed: false, status: { status: 'Failure', message: 'No image specified by the sidecar-image parameter', code: 500 } }
  const name = 'webhook-added-sidecar'
  if (spec?.containers?.some((c) => c.name === name)) return ALLOWED
  return { allowed: true, patch: [{ op: 'add', path: '/spec/containers/-', value: { image, name, resources: {} } }] }
}

/** Data of a key and value that upstream's tests know: what may not be written, what may not be deleted. */
function admitData(unwanted: string, kept: string): (review: Review) => Verdict {
  return ({ object: { data }, operation }) => {
    const value = data && own(data, 'webhook-e2e-test')
    if (value === 'webhook-disallow' && operation !== 'DELETE') return { allowed: false, status: { reason: unwanted } }
    return value === 'webhook-nondeletable' && operation === 'DELETE' ? { allowed: false, status: { reason: kept } } : ALLOWED
  }
}

function mutateData({ object: { data = {} } }: Review): Verdict {
  const stage = data['mutation-stage-1'] === 'yes' ? 2 : data['mutation-start'] === 'yes' ? 1 : 0
  return stage === 0 ? ALLOWED : { allowed: true, patch: [{ op: 'add', path: `/data/mutation-stage-${stage}`, value: 'yes' }] }
}

function attaching({ name, stdin, container }: Review): Verdict {
  if (name !== 'to-be-attached-pod' || !stdin || container !== 'container1') return ALLOWED
  return { allowed: false, status: { message: "attaching to pod 'to-be-attached-pod' is not allowed" } }
}

function admitDefinition({ object: { metadata } }: Review): Verdict {
  return metadata?.labels?.['webhook-e2e-test'] === 'webhook-disallow' ? { allowed: false, status: { message: 'the crd contains unwanted label' } } : ALLOWED
}

const HANDLERS: Readonly<Record<string, (review: Review, sidecar: string) => Verdict>> = byName({
  '/always-allow-delay-5s': () => ALLOWED,
  '/always-deny': () => ({ allowed: false, status: { message: 'this webhook denies all requests' } }),
  '/add-label': addLabel,
  '/pods': admitPods,
  '/pods/attach': attaching,
  '/mutating-pods': mutatePods,
  '/mutating-pods-sidecar': addSidecar,
  '/configmaps': admitData('the configmap contains unwanted key and value', 'the configmap cannot be deleted because it contains unwanted key and value'),
  '/mutating-configmaps': mutateData,
  '/custom-resource': admitData('the custom resource contains unwanted data', 'the custom resource cannot be deleted because it contains unwanted key and value'),
  '/mutating-custom-resource': mutateData,
  '/crd': admitDefinition,
})

export function* webhook(process: Process, args: readonly string[]): Task<number> {
  const flags = yield* cobraFlags(process, args, [
    { name: 'tls-cert-file', kind: 'string' }, { name: 'tls-private-key-file', kind: 'string' }, { name: 'port', kind: 'int' }, { name: 'sidecar-image', kind: 'string' },
    // klog's, which every subcommand has
    { name: 'v', kind: 'int' }, { name: 'alsologtostderr', kind: 'bool' }, { name: 'logtostderr', kind: 'bool' },
  ])
  if (typeof flags === 'number') return flags
  const of = (name: string): string => flags.values.get(name) ?? ''
  const errors = new Output(process, 2)
  const log = (severity: 'I' | 'E' | 'F', source: string, text: string): void => errors.write(klogLine(process.clock.wall(), severity, process.pid, source, text))
  const pair = loadPair(process, of('tls-cert-file'), of('tls-private-key-file'))
  if ('error' in pair) {
    log('F', 'config.go:35', `config=webhook.Config{CertFile:${JSON.stringify(of('tls-cert-file'))}, KeyFile:${JSON.stringify(of('tls-private-key-file'))}} Error: ${pair.error}`)
    yield* errors.flush()
    return 255
  }
  const port = Number(of('port') || 443)
  const verbose = Number(of('v') || 0) >= 2
  try {
    serveGo(process, 'agnhost', port, undefined, (request) => answer(process, request, of('sidecar-image'), (text) => void (verbose && log('I', 'main.go:128', text)), (text) => log('E', 'main.go:124', text)), { select: () => pair })
  } catch (error) {
    yield* process.printError(`panic: ${listenError(port, error)}\n`)
    return 2
  }
  process.onSignal('SIGTERM', () => process.exit(2))
  for (;;) yield () => undefined
}

function* answer(process: Process, request: HttpRequest, sidecar: string, told: (text: string) => void, wrong: (text: string) => void): Task<GoAnswer> {
  const { path } = splitTarget(request.target)
  if (path === '/readyz') return { body: 'ok' }
  const handler = HANDLERS[path]
  if (!handler) return GO_NOT_FOUND
  const type = headerOf(request.headers, 'content-type') ?? ''
  if (type !== 'application/json') {
    wrong(`contentType=${type}, expect application/json`)
    return {}
  }
  const body = decodeUtf8(request.body)
  told(`handling request: ${body}`)
  const bad = (why: string): GoAnswer => {
    wrong(why)
    return { status: 400, headers: [['X-Content-Type-Options', 'nosniff']], body: `${why}\n` }
  }
  let review: unknown
  try {
    review = JSON.parse(body)
  } catch {
    return bad("Request could not be decoded: couldn't get version/kind; json parse error: unexpected end of JSON input")
  }
  const { kind, apiVersion, request: asked } = isObject(review) ? review : {}
  if (kind !== 'AdmissionReview' || !isObject(asked)) return bad(`Request could not be decoded: no kind "${String(kind)}" is registered for version "${String(apiVersion)}" in scheme "k8s.io/kubernetes/test/images/agnhost/webhook/scheme.go:29"`)
  if (path === '/always-allow-delay-5s') yield* process.sleep(FIVE_SECONDS, { background: false })
  const { object, oldObject, operation } = asked as { object?: Review['object'] | null; oldObject?: Review['object'] | null; operation?: string }
  const given = (operation === 'DELETE' ? oldObject : object) ?? {}
  const { stdin, container } = given as { stdin?: boolean; container?: string }
  // without a word it is never answered
  if (path === '/pods' && given.metadata?.labels?.['webhook-e2e-test'] === 'wait-forever') for (;;) yield () => undefined
  const { allowed, status, patch } = handler({
    resource: (asked['resource'] as { resource?: string } | undefined)?.resource ?? '', operation: operation ?? '', name: String(asked['name'] ?? ''), subResource: String(asked['subResource'] ?? ''),
    object: given, stdin: stdin === true, container: container ?? '',
  }, sidecar)
  const response = { uid: asked['uid'], allowed, ...(status ? { status: { metadata: {}, ...status } } : {}), ...(patch ? { patch: encodeBase64(encodeUtf8(JSON.stringify(patch))), patchType: 'JSONPatch' } : {}) }
  const sent = JSON.stringify({ kind: 'AdmissionReview', apiVersion, response })
  told(`sending response: ${sent}`)
  return { headers: [['Content-Type', 'application/json']], body: sent }
}
