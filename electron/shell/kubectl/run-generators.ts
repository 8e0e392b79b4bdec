import type { Kubectl } from './command.ts'
import { deployment } from './create-simple.ts'
import { KubectlError, quote } from './errors.ts'
import { flags } from './flags.ts'
import { resourceAmount } from './generators.ts'
import type { JsonObject } from './objects.ts'
import { metadataOf } from './saving.ts'

/**
 * `kubectl run` as it was before v1.18: what it makes depends on --generator, or else on --restart and --schedule
 * (pkg/kubectl/cmd/run and pkg/generate/versioned of v1.17). In clusters with `kubectlRun: deployment` always, elsewhere
 * when --generator is given.
 */
export const FORMER_FLAGS = flags(`
    --generator string
    --hostport int=-1
    --limits string
    --replicas int=1
    --requests string
    --schedule string
    --serviceaccount string
`)

type Kind = 'Pod' | 'Deployment' | 'Job' | 'CronJob' | 'ReplicationController'

/** The names of generators. Those of API versions that are gone make what the version of today is. */
const GENERATORS = new Map<string, Kind>([
  ['run/v1', 'ReplicationController'],
  ['run-pod/v1', 'Pod'],
  ['deployment/v1beta1', 'Deployment'],
  ['deployment/apps.v1beta1', 'Deployment'],
  ['deployment/apps.v1', 'Deployment'],
  ['job/v1', 'Job'],
  ['cronjob/v2alpha1', 'CronJob'],
  ['cronjob/v1beta1', 'CronJob'],
])

const BY_RESTART: Readonly<Record<string, string>> = { Always: 'deployment/apps.v1', OnFailure: 'job/v1', Never: 'run-pod/v1' }

/** Which generator a command line means; undefined: kubectl of today, which makes Pods. */
export function generatorOf(k: Kubectl, restart: string): string | undefined {
  const { flags: f } = k
  if (k.options.run !== 'deployment' && !f.changed('generator')) {
    const former = FORMER_FLAGS.find((flag) => f.changed(flag.name))
    if (former) throw new KubectlError(`unknown flag: --${former.name}\nSee 'kubectl run --help' for usage.`)
    return undefined
  }
  const replicas = f.int('replicas')
  if (replicas !== 1 && restart !== 'Always') throw k.usageError(`--restart=${restart} requires that --replicas=1, found ${replicas}`)
  const name = f.string('generator') || (f.string('schedule') ? 'cronjob/v1beta1' : BY_RESTART[restart]!)
  if (!GENERATORS.has(name)) throw k.usageError(`generator ${quote(name)} not found`)
  return name
}

/** The object around a Pod's spec, with the containers and labels that `kubectl run` gives it. */
export function generated(k: Kubectl, generator: string, name: string, labels: Record<string, string>, given: JsonObject, restart: string): JsonObject {
  const { flags: f } = k
  const kind = GENERATORS.get(generator)!
  const container = withFormerFlags(k, given)
  const account: JsonObject = f.string('serviceaccount') ? { serviceAccountName: f.string('serviceaccount') } : {}
  const lasting = kind === 'Deployment' || kind === 'ReplicationController'
  if (lasting) delete container['stdinOnce']
  const spec: JsonObject = { containers: [container], ...account, ...(lasting ? {} : { restartPolicy: restart }), ...(kind === 'Pod' ? { dnsPolicy: 'ClusterFirst' } : {}) }
  const template: JsonObject = { metadata: { creationTimestamp: null, labels }, spec }
  const metadata = metadataOf(name, { labels })
  switch (kind) {
    case 'Deployment': return deployment(name, labels, f.int('replicas'), spec)
    case 'ReplicationController': return { kind, apiVersion: 'v1', metadata, spec: { replicas: f.int('replicas'), selector: labels, template }, status: { replicas: 0 } }
    case 'Job': return { kind, apiVersion: 'batch/v1', metadata, spec: { template }, status: {} }
    case 'CronJob': return { kind, apiVersion: 'batch/v1', metadata, spec: { schedule: f.string('schedule'), concurrencyPolicy: 'Allow', jobTemplate: { metadata: { creationTimestamp: null }, spec: { template } } }, status: {} }
    case 'Pod': return { kind, apiVersion: 'v1', metadata, spec, status: {} }
  }
}

function withFormerFlags(k: Kubectl, given: JsonObject): JsonObject {
  const { flags: f } = k
  const container = { ...given }
  const hostPort = f.int('hostport')
  if (hostPort > 0) {
    const [port] = (container['ports'] ?? []) as JsonObject[]
    if (!port) throw new KubectlError('--hostport requires --port to be specified')
    container['ports'] = [{ ...port, hostPort }]
  }
  const resources: JsonObject = {}
  for (const [field, text] of [['limits', f.string('limits')], ['requests', f.string('requests')]] as const) {
    if (text) resources[field] = Object.fromEntries(text.split(',').map(resourceAmount))
  }
  container['resources'] = resources
  return container
}
