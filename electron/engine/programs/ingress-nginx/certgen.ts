import { encodeBase64 } from '../../kubernetes/base64.ts'
import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import { untilReached } from '../../kubernetes/connection.ts'
import { asManager } from '../../kubernetes/managed-fields/as-manager.ts'
import type { WebhookConfiguration } from '../../kubernetes/admission/registration.ts'
import type { Secret } from '../../kubernetes/types.ts'
import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { Random } from '../../random.ts'
import { encodeUtf8 } from '../../text.ts'
import { parseGoFlags } from '../go-flags.ts'
import { klogLine } from '../klog.ts'
import { Output } from '../output.ts'
import { encodeKey, makeCertificate, makeKey } from '../tls/make.ts'
import { toPem } from '../tls/x509.ts'
import type { SystemServices } from '../types.ts'

/** kube-webhook-certgen (kubernetes/ingress-nginx images/kube-webhook-certgen, v1.5): a certificate for a webhook, and its authority for who asks it. */
const FLAGS = ['host', 'namespace', 'secret-name', 'cert-name', 'key-name', 'webhook-name', 'patch-mutating', 'patch-validating', 'patch-failure-policy', 'log-level', 'log-format'] as const
/** Ms until its first request; the Job that patches reads what the one that creates has written. */
const START_UP = { create: 100, patch: 1_500 }
const DAYS = 36_500

export function webhookCertgen(services: SystemServices): Program {
  return function* (process) {
    const [command, ...args] = process.argv.slice(1)
    if (command !== 'create' && command !== 'patch') {
      yield* process.printError(`Error: unknown command "${command ?? ''}" for "kube-webhook-certgen"\nRun 'kube-webhook-certgen --help' for usage.\n`)
      return 1
    }
    const flags = parseGoFlags(args, FLAGS.map((name) => ({ name, kind: name === 'patch-mutating' || name === 'patch-validating' ? ('bool' as const) : ('string' as const) })))
    if ('error' in flags) {
      yield* process.printError(`podhop: not simulated: ${flags.error} (the flags of the published manifest are)\n`)
      return 69
    }
    const odd = [['log-level', 'info'], ['log-format', 'json']].find(([name = '', only]) => (flags.values.get(name) ?? only) !== only)
    if (odd) {
      yield* process.printError(`podhop: not simulated: --${odd[0]}=${flags.values.get(odd[0]!)} (use ${odd[1]})\n`)
      return 69
    }
    yield* process.sleep(START_UP[command], { background: false })
    const client = asManager(services.client, 'kube-webhook-certgen')
    const out = new Output(process, 2)
    out.write(klogLine(process.clock.wall(), 'W', process.pid, 'client_config.go:667', 'Neither --kubeconfig nor --master was specified.  Using the inClusterConfig.  This might not work.'))
    const code = yield* (command === 'create' ? create : patch)(process, client, flags.values, (text, source, level = 'info', more = {}) =>
      out.write(`${JSON.stringify({ ...more, level, msg: text, source, time: `${new Date(process.clock.wall()).toISOString().slice(0, 19)}Z` })}\n`))
    yield* out.flush()
    return code
  }
}

type Flags = ReadonlyMap<string, string>
type Log = (text: string, source: string, level?: 'info' | 'fatal', more?: object) => void

function secretOf(client: KubernetesClient, namespace: string, name: string): Secret | undefined {
  try {
    return client.get<Secret>('secrets', namespace, name)
  } catch (error) {
    if (error instanceof StatusError && error.status.code === 404) return undefined
    throw error
  }
}

function* create(process: Process, client: KubernetesClient, flags: Flags, log: Log): Task<number> {
  const [namespace, name] = [flags.get('namespace') ?? '', flags.get('secret-name') ?? '']
  const { clock } = process
  const present = yield* untilReached(clock, () => secretOf(client, namespace, name))
  if (present) {
    log('secret already exists', 'cmd/create.go:44')
    return 0
  }
  log('no secret found', 'k8s/k8s.go:229', 'info', { error: `secrets "${name}" not found` })
  log('creating new secret', 'cmd/create.go:28')
  const random = new Random(0).fork(`certgen ${process.clock.epoch} ${namespace}/${name}`)
  const notBefore = Math.floor(clock.wall() / 1000) * 1000
  const caKey = makeKey(random)
  const authority = makeCertificate({ subject: [['O', 'nil1']], key: caKey, notBefore, days: DAYS, isCa: true, random })
  const key = makeKey(random)
  const certificate = makeCertificate({ subject: [['O', 'nil2']], key, notBefore, days: DAYS, alternativeNames: (flags.get('host') ?? '').split(','), issuer: { certificate: authority, key: caKey }, random })
  const pem = (label: string, bytes: Uint8Array): string => encodeBase64(encodeUtf8(toPem(label, bytes)))
  const data = { ca: pem('CERTIFICATE', authority.der), [flags.get('cert-name') ?? 'cert']: pem('CERTIFICATE', certificate.der), [flags.get('key-name') ?? 'key']: pem('RSA PRIVATE KEY', encodeKey(key)) }
  yield* untilReached(clock, () => client.create('secrets', namespace, { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, type: 'Opaque', data }))
  return 0
}

function* patch(process: Process, client: KubernetesClient, flags: Flags, log: Log): Task<number> {
  const [namespace, name, webhook] = [flags.get('namespace') ?? '', flags.get('secret-name') ?? '', flags.get('webhook-name') ?? '']
  const isOn = (flag: string): boolean => flags.get(flag) !== 'false'
  const failurePolicy = flags.get('patch-failure-policy') ?? ''
  const { clock } = process
  const secret = yield* untilReached(clock, () => secretOf(client, namespace, name))
  const ca = secret?.data?.['ca']
  if (ca === undefined) {
    log(`no secret with '${name}' in '${namespace}'`, 'cmd/patch.go:146', 'fatal')
    return 1
  }
  const kinds = [...(isOn('patch-mutating') ? ['mutatingwebhookconfigurations'] : []), ...(isOn('patch-validating') ? ['validatingwebhookconfigurations'] : [])]
  log(`patching webhook configurations '${webhook}' mutating=${isOn('patch-mutating')}, validating=${isOn('patch-validating')}, failurePolicy=${failurePolicy}`, 'k8s/k8s.go:118')
  for (const resource of kinds) {
    try {
      yield* untilReached(clock, () => {
        const found = client.get<WebhookConfiguration>(resource, undefined, webhook)
        const webhooks = (found.webhooks ?? []).map((each) => ({ ...each, clientConfig: { ...each.clientConfig, caBundle: ca }, ...(failurePolicy === '' ? {} : { failurePolicy }) }))
        client.update(resource, undefined, webhook, { ...found, webhooks })
      })
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      log(`failed patching webhook: ${error.message}`, 'k8s/k8s.go:192', 'fatal')
      return 1
    }
  }
  log('Patched hook(s)', 'k8s/k8s.go:201')
  return 0
}

