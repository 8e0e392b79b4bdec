import type { KubeObject, Pod } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { KubectlError, messageOf } from './errors.ts'
import { flags, TEMPLATE_FLAGS } from './flags.ts'
import { inGoOrder } from './go-order.ts'
import type { JsonObject } from './objects.ts'
import { containersOf, podRunningTimeout } from './pods.ts'
import { printerFor } from './printers/index.ts'
import { wholeLog } from './run.ts'

/** kubectl's pkg/cmd/clusterinfo/clusterinfo_dump.go: objects and logs, for a bug report. */
export const clusterInfoDump: Command = {
  name: 'dump',
  short: 'Dump relevant information for debugging and diagnosis',
  use: 'dump [flags]',
  flags: flags(TEMPLATE_FLAGS, `
    -A --all-namespaces bool
    --namespaces slice
    -o --output string=json
    --output-directory string
    --pod-running-timeout duration=20s
  `),
  run,
}

/** What is dumped of each namespace, in order. */
const DUMPED: readonly (readonly [resource: string, kind: string, file: string])[] = [
  ['events', 'EventList', 'events'],
  ['replicationcontrollers', 'ReplicationControllerList', 'replication-controllers'],
  ['services', 'ServiceList', 'services'],
  ['daemonsets', 'DaemonSetList', 'daemonsets'],
  ['deployments', 'DeploymentList', 'deployments'],
  ['replicasets', 'ReplicaSetList', 'replicasets'],
  ['pods', 'PodList', 'pods'],
]

function* run(k: Kubectl): Task<number> {
  const { flags: f, process } = k
  podRunningTimeout(k)
  const printer = printerFor(k, { typed: true })
  const extension = f.string('output') === 'json' ? '.json' : f.string('output') === 'yaml' ? '.yaml' : '.txt'
  const folder = f.string('output-directory')
  if (f.string('output') === 'name') throw new KubectlError('list types are not supported by name printing: *v1.NodeList')
  const write = function* (file: string, text: string): Task {
    if (folder === '' || folder === '-') return yield* k.out(text)
    const path = process.resolve(`${folder}/${file}`)
    const parent = path.slice(0, path.lastIndexOf('/'))
    if (!process.fs.exists(parent)) process.fs.makeDirectory(parent, { parents: true })
    process.fs.writeFile(path, text, 0o644)
  }
  const listOf = (resource: string, kind: string, apiVersion: string, namespace?: string): JsonObject => {
    const { items, resourceVersion } = k.client.list<KubeObject>(resource, namespace === undefined ? {} : { namespace })
    // the items of a typed list say neither their kind nor their version
    const bare = items.map((item) => {
      const { apiVersion: _version, kind: _kind, ...rest } = inGoOrder(item as unknown as JsonObject)
      return rest
    })
    return { kind, apiVersion, metadata: { resourceVersion }, items: bare }
  }
  yield* write(`nodes${extension}`, printer.print(listOf('nodes', 'NodeList', 'v1')))
  const namespaces = f.bool('all-namespaces')
    ? k.client.list<KubeObject>('namespaces').items.map((n) => n.metadata.name)
    : f.list('namespaces').length > 0 ? f.list('namespaces') : ['kube-system', k.namespace.name]
  for (const namespace of namespaces) {
    for (const [resource, kind, file] of DUMPED) {
      const apps = ['daemonsets', 'deployments', 'replicasets'].includes(resource)
      yield* write(`${namespace}/${file}${extension}`, printer.print(listOf(resource, kind, apps ? 'apps/v1' : 'v1', namespace)))
    }
    for (const pod of k.client.list<Pod>('pods', { namespace }).items) {
      const parts: string[] = []
      for (const { name } of containersOf(pod)) {
        const head = `==== START logs for container ${name} of pod ${namespace}/${pod.metadata.name} ====\n`
        let said: string
        try {
          const { text, refused } = yield* wholeLog(k, pod, name)
          if (refused) throw refused
          said = text
        } catch (error) {
          said = `Create log request error: ${messageOf(error)}\n`
        }
        parts.push(`${head}${said}==== END logs for container ${name} of pod ${namespace}/${pod.metadata.name} ====\n`)
      }
      yield* write(`${namespace}/${pod.metadata.name}/logs.txt`, parts.join(''))
    }
  }
  if (folder !== '' && folder !== '-') yield* k.out(`Cluster info dumped to ${folder}\n`)
  else if (folder === '-') yield* k.out('Cluster info dumped to standard output\n')
  return 0
}
