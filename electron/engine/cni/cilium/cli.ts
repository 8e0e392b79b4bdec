import type { Clock } from '../../clock.ts'
import { ConnectionError, StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import type { ConfigMap, DaemonSet, Deployment, Pod } from '../../kubernetes/types.ts'
import type { Program } from '../../machine/types.ts'
import type { SystemServices } from '../../programs/types.ts'
import { agentsOf } from './agent.ts'
import { nodesPeersTable, nodesRoutesTable, readRouteQuery } from './bgp/tables.ts'
import { hubbleCli } from './hubble/cli.ts'
import { CILIUM_VERSION } from './manifests.ts'
import { CILIUM_ENDPOINTS } from './objects.ts'

/** cilium, the administrator's command line outside of the cluster (cilium/cilium-cli v0.18: status/status.go, config/config.go): what it tells of the cluster's own Pods, and the agents' settings. */
const CLI_VERSION = 'v0.18.3'
const INSTEAD = 'use cilium status, cilium config, cilium hubble, cilium bgp, or kubectl -n kube-system exec ds/cilium -- cilium-dbg …'
/** How often, and how long, --wait looks. */
const EVERY = 2_000
const WAIT = 5 * 60_000

interface Part { kind: 'DaemonSet' | 'Deployment'; name: string; desired: number; ready: number; available: number; pods: Pod[] }

function parts(client: KubernetesClient): Part[] {
  const pods = (label: string): Pod[] => client.list<Pod>('pods', { namespace: 'kube-system', labelSelector: label }).items.filter((pod) => pod.status.phase === 'Running')
  const sets = client.list<DaemonSet>('daemonsets', { namespace: 'kube-system' }).items.filter(({ metadata: { name } }) => name === 'cilium' || name === 'cilium-envoy').map(({ metadata: { name }, status }): Part => ({
    kind: 'DaemonSet', name, desired: status?.desiredNumberScheduled ?? 0, ready: status?.numberReady ?? 0, available: status?.numberAvailable ?? 0, pods: pods(`k8s-app=${name}`),
  }))
  const deployments = client.list<Deployment>('deployments', { namespace: 'kube-system' }).items.filter(({ metadata: { name } }) => name === 'cilium-operator' || name === 'hubble-relay').map(({ metadata: { name }, spec, status }): Part => ({
    kind: 'Deployment', name, desired: spec.replicas ?? 1, ready: status?.readyReplicas ?? 0, available: status?.availableReplicas ?? 0, pods: pods(name === 'hubble-relay' ? 'k8s-app=hubble-relay' : 'name=cilium-operator'),
  }))
  return [...sets, ...deployments].sort((a, b) => (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : a.name < b.name ? -1 : 1))
}

const unready = ({ desired, ready }: Part): number => Math.max(0, desired - ready)

/** text/tabwriter, padding 4: each run of lines has columns of its own. */
function columns(lines: readonly (readonly string[])[]): string {
  const widths = [0, 1].map((i) => Math.max(...lines.filter((line) => line.length > i + 1).map((line) => line[i]!.length)) + 4)
  return lines.map((line) => `${line.map((cell, i) => (i < line.length - 1 ? cell.padEnd(widths[i]!) : cell)).join('')}\n`).join('')
}

function statusText(client: KubernetesClient, all: readonly Part[]): string {
  const summary = (name: string): string => {
    const part = all.find((p) => p.name === name)
    if (!part) return 'disabled'
    return unready(part) > 0 ? '1 errors' : 'OK'
  }
  const logo = columns([
    ['    /¯¯\\'], [' /¯¯\\__/¯¯\\', 'Cilium:', summary('cilium')], [' \\__/¯¯\\__/', 'Operator:', summary('cilium-operator')], [' /¯¯\\__/¯¯\\', 'Envoy DaemonSet:', summary('cilium-envoy')],
    [' \\__/¯¯\\__/', 'Hubble Relay:', summary('hubble-relay')], ['    \\__/', 'ClusterMesh:', 'disabled'],
  ])
  const containers = [...all.map((part) => [part.name, `Running: ${part.pods.length}`]), ['clustermesh-apiserver', ''], ...(all.some(({ name }) => name === 'hubble-relay') ? [] : [['hubble-relay', '']])].sort(([a], [b]) => (a! < b! ? -1 : 1))
  const pods = client.list<Pod>('pods', {}).items.filter(({ spec, status }) => !spec.hostNetwork && status.phase === 'Running')
  const managed = new Set(client.list(CILIUM_ENDPOINTS, {}).items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`))
  const errors = all.filter((part) => unready(part) > 0).map((part, i) => [i === 0 ? 'Errors:' : '', part.name, `${unready(part)} pods of ${part.kind} ${part.name} are not ready`])
  const first = 'Helm chart version:'.length
  const table = columns([
    ...all.map((p) => [p.kind, p.name, `Desired: ${p.desired}, Ready: ${p.ready}/${p.desired}, Available: ${p.available}/${p.desired}`]),
    ...containers.map(([name, running], i) => [i === 0 ? 'Containers:'.padEnd(first) : ''.padEnd(first), name!, running!]),
  ])
  const images = [...new Map(all.flatMap((part) => part.pods.map(({ spec }) => [part.name, spec.containers[0]!.image] as const)))].map(([name, image], i) => [i === 0 ? 'Image versions'.padEnd(first) : ''.padEnd(first), name, `${image}: ${all.find((p) => p.name === name)!.pods.length}`])
  const word = (text: string): string => text.padEnd(first + 4)
  return `${logo}\n${table}${word('Cluster Pods:')}${pods.filter(({ metadata }) => managed.has(`${metadata.namespace}/${metadata.name}`)).length}/${pods.length} managed by Cilium\n${word('Helm chart version:')}${CILIUM_VERSION.slice(1)}\n${images.length > 0 ? columns(images) : ''}${errors.length > 0 ? columns(errors.map(([a, b, c]) => [a!.padEnd(first), b!, c!])) : ''}`
}

/** The keys of cilium-config that the agents heed when they start. */
const HEEDED = ['enable-sctp', 'enable-host-firewall', 'policy-audit-mode', 'enable-bgp-control-plane', 'enable-ipv4-egress-gateway', 'enable-local-redirect-policy', 'enable-l2-announcements', 'l2-announcements-lease-duration', 'l2-announcements-renew-deadline', 'l2-announcements-retry-period']

/** `cilium config`: what it prints on stdout and stderr, and its exit code. */
function config(client: KubernetesClient, args: readonly string[]): { out?: string; error?: string; code: number } {
  const words = args.filter((a) => a !== '--restart=false' && a !== '--restart' && a !== '--restart=true' && a !== '-r')
  const restart = !args.includes('--restart=false')
  const [verb, key, value] = words
  const patch = (text: string, type: 'application/strategic-merge-patch+json' | 'application/json-patch+json', body: object): { out?: string; error?: string; code: number } => {
    try {
      client.patch('configmaps', 'kube-system', 'cilium-config', type, body)
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      return { out: text, error: `Error: unable to patch ConfigMap cilium-config with patch ${JSON.stringify(JSON.stringify(body))}: ${error.message}\n`, code: 1 }
    }
    if (!restart) return { out: `${text}⚠️  Restart Cilium pods for configmap changes to take effect\n`, code: 0 }
    client.deleteCollection('pods', { namespace: 'kube-system', labelSelector: 'k8s-app=cilium' })
    return { out: `${text}♻️  Restarted Cilium pods\n`, code: 0 }
  }
  if (verb === 'view' && words.length === 1) {
    const rows = Object.entries(client.get<ConfigMap>('configmaps', 'kube-system', 'cilium-config').data ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
    const width = Math.max(...rows.map(([name]) => name.length)) + 4
    return { out: rows.map(([name, text]) => `${name.padEnd(width)}${text}\n`).join(''), code: 0 }
  }
  if ((verb === 'set' && words.length === 3) || (verb === 'delete' && words.length === 2)) {
    if (!HEEDED.includes(key!)) return { error: `podhop: not simulated: cilium config ${verb} ${key!} (agents heed ${HEEDED.join(', ')}; what else a cluster is made with is said by cni: {plugin: cilium, …} in the cluster file)\n`, code: 69 }
    if (verb === 'set') return patch(`✨ Patching ConfigMap cilium-config with ${key!}=${value!}...\n`, 'application/strategic-merge-patch+json', { data: { [key!]: value! } })
    return patch(`✨ Removing key ${key!} from ConfigMap cilium-config...\n`, 'application/json-patch+json', [{ op: 'remove', path: `/data/${key!}` }])
  }
  return { error: `podhop: not simulated: cilium config ${words.join(' ')} (use cilium config view, set KEY VALUE or delete KEY)\n`, code: 69 }
}

/** `cilium bgp`: asks the agent in each of its Pods (bgp/*.go of cilium-cli). */
function bgp(client: KubernetesClient, clock: Clock, [verb, ...args]: readonly string[]): { out?: string; error?: string; code: number } {
  const flag = args.find((a) => a.startsWith('-'))
  if ((verb !== 'peers' && verb !== 'routes') || flag !== undefined) return { error: `podhop: not simulated: cilium bgp ${[verb, flag].filter(Boolean).join(' ')} (use cilium bgp peers or cilium bgp routes, as tables)\n`, code: 69 }
  const asked = verb === 'routes' ? readRouteQuery(args) : undefined
  if (typeof asked === 'string') return { error: `Error: ${asked}\n`, code: 1 }
  const agents = agentsOf(clock)
  const pods = client.list<Pod>('pods', { namespace: 'kube-system', labelSelector: 'k8s-app=cilium' }).items.filter((pod) => pod.status.phase === 'Running')
  const nodes = pods.flatMap(({ spec: { nodeName = '' } }) => {
    const controller = agents.get(nodeName)?.bgp
    return controller ? [[nodeName, controller] as const] : []
  }).sort(([a], [b]) => (a < b ? -1 : 1))
  if (nodes.length === 0) return { out: 'BGP Control Plane is disabled\n', code: 0 }
  return { out: asked ? `${asked.said}${nodesRoutesTable(nodes, clock.now, asked.query)}` : nodesPeersTable(nodes, clock.now), code: 0 }
}

export function ciliumCli(services: SystemServices): Program {
  return function* (process) {
    const { client } = services
    const [command, ...flags] = process.argv.slice(1)
    const unknown = command === 'status' ? flags.find((flag) => !['--wait', '-n', '--namespace', 'kube-system'].includes(flag)) : undefined
    try {
      if (command === 'version') {
        yield* process.print(`cilium-cli: ${CLI_VERSION} compiled with go1.24.2 on linux/amd64\ncilium image (default): v1.17.2\ncilium image (stable): ${CILIUM_VERSION}\ncilium image (running): ${CILIUM_VERSION.slice(1)}\n`)
        return 0
      }
      if (command === 'hubble') return yield* hubbleCli(process, client, flags)
      if (command === 'config' || command === 'bgp') {
        const { out, error, code } = command === 'bgp' ? bgp(client, process.clock, flags) : config(client, flags)
        if (out !== undefined) yield* process.print(out)
        if (error !== undefined) yield* process.printError(error)
        return code
      }
      if (command !== 'status' || unknown !== undefined) {
        yield* process.printError(`podhop: not simulated: cilium ${[command, unknown].filter(Boolean).join(' ')} (${INSTEAD})\n`)
        return 69
      }
      const end = process.clock.now + WAIT
      let all = parts(client)
      while (flags.includes('--wait') && all.some((part) => unready(part) > 0) && process.clock.now < end) {
        yield* process.sleep(EVERY, { background: false })
        all = parts(client)
      }
      yield* process.print(statusText(client, all))
      return all.some((part) => unready(part) > 0) ? 1 : 0
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
      yield* process.printError(`Error: Unable to determine status:  ${error.message}\n`)
      return 1
    }
  }
}
