import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { createCluster, type Cluster } from '../cluster.ts'
import { parseClusterConfig, VPC_PODS } from '../config.ts'
import type { Journey } from '../journey/types.ts'
import type { KubeObject, Namespace, NetworkPolicy, Pod } from '../kubernetes/types.ts'
import type { TcpConnection } from '../network/types.ts'
import { decide, endpointOf, type DecideOptions } from './decide.ts'
import { PolicyIndex } from './policy-index.ts'
import type { PolicyProtocol } from './types.ts'

/**
 * Kubernetes' own truth tables (test/e2e/network/netpol/network_policy.go): three namespaces x, y, z with Pods a, b, c, each
 * listening on 80 and 81. truth/<case>/policies.yaml (all policies, and labels that Pods and Namespaces get) and
 * expected.txt (who reaches whom; "-": to itself, which upstream leaves open); -2: the next step.
 */
const HERE = join(import.meta.dirname, 'truth')
export const NINE = ['x', 'y', 'z'].flatMap((ns) => ['a', 'b', 'c'].map((pod) => `${ns}/${pod}`))

export interface TruthStep {
  /** With "${x/a}" for the address of a Pod. */
  yaml: string
  /** "80/TCP" and its table. */
  tables: { port: number; protocol: PolicyProtocol; text: string }[]
}

export function truthCases(): { name: string; steps: TruthStep[] }[] {
  return readdirSync(HERE).map((name) => {
    const read = (file: string): string => readFileSync(join(HERE, name, file), 'utf8')
    const suffixes = readdirSync(join(HERE, name)).flatMap((f) => /^expected(.*)\.txt$/.exec(f)?.[1] ?? []).sort()
    return {
      name,
      steps: suffixes.map((suffix) => ({
        yaml: read(`policies${suffix}.yaml`),
        tables: read(`expected${suffix}.txt`).split('\n\n').map((part) => {
          const [head, ...rows] = part.trim().split('\n')
          const [port, protocol] = head!.split('/') as [string, PolicyProtocol]
          return { port: Number(port), protocol, text: rows.join('\n') }
        }),
      })),
    }
  })
}

/** A table as the expected ones are written. */
export function tableText(names: readonly string[], allowed: (from: string, to: string) => string): string {
  const rows = names.map((from) => `${from}  ${names.map((to) => (from === to ? '-' : allowed(from, to))).join('   ')}`)
  return [`    ${names.join(' ')}`, ...rows].join('\n')
}

/** A cluster with the nine Pods, spread over its nodes. */
export class NinePods {
  readonly cluster: Cluster

  /** `node`: where all of them run, instead. */
  constructor(config: Record<string, unknown>, node?: string) {
    this.cluster = createCluster(parseClusterConfig(config))
    this.cluster.settle()
    const { client } = this.cluster
    for (const name of ['x', 'y', 'z']) client.create('namespaces', undefined, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    this.cluster.settle()
    NINE.forEach((key, i) => {
      const [namespace, name] = key.split('/') as [string, string]
      const containers = [80, 81].map((port) => ({
        name: `serve-${port}`, image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: ['netexec', `--http-port=${port}`, `--udp-port=${port}`, `--sctp-port=${port}`],
        ports: ['TCP', 'UDP', 'SCTP'].map((protocol) => ({ containerPort: port, protocol, name: `serve-${port}-${protocol.toLowerCase()}` })),
      }))
      client.create('pods', namespace, { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { pod: name } }, spec: { nodeName: node ?? `worker-${(i % 2) + 1}`, containers, terminationGracePeriodSeconds: 0 } })
    })
    this.cluster.settle()
  }

  ip(key: string): string {
    const [namespace, name] = key.split('/') as [string, string]
    return this.cluster.client.get<Pod>('pods', namespace, name).status.podIP!
  }

  /** Makes the policies these and no others, and gives the labels that are asked for. */
  apply(yaml: string): void {
    const text = yaml.replace(/\$\{(\w\/\w)\}/g, (_, key: string) => this.ip(key)).replaceAll('10.0.0.0/8', this.ip('x/a').startsWith('10.') ? '10.0.0.0/8' : VPC_PODS)
    this.set(parseAllDocuments(text).flatMap((d) => (d.toJS() as KubeObject | null) ?? []))
  }

  set(objects: readonly KubeObject[]): void {
    const { client } = this.cluster
    for (const { metadata } of client.list('networkpolicies').items) client.delete('networkpolicies', metadata.namespace, metadata.name)
    const labels = new Map(objects.filter((o) => o.kind !== 'NetworkPolicy').map((o) => [`${o.metadata.namespace ?? ''}/${o.metadata.name}`, o.metadata.labels]))
    const patch = (resource: string, namespace: string | undefined, name: string, own: object, key: string): void => {
      const wanted = { pod2: null, target: null, ns2: null, ...own, ...labels.get(key) }
      client.patch(resource, namespace, name, 'application/merge-patch+json', { metadata: { labels: wanted } })
    }
    for (const key of NINE) patch('pods', key.slice(0, 1), key.slice(2), { pod: key.slice(2) }, key)
    for (const name of ['x', 'y', 'z']) patch('namespaces', undefined, name, {}, `/${name}`)
    for (const object of objects) if (object.kind === 'NetworkPolicy') client.create('networkpolicies', object.metadata.namespace, object)
    this.cluster.settle()
  }

  /** What the evaluator says. */
  decided(port: number, protocol: PolicyProtocol, options: DecideOptions = {}): string {
    const { client } = this.cluster
    const view = PolicyIndex.of({ pods: client.list<Pod>('pods').items, namespaces: client.list<Namespace>('namespaces').items, policies: client.list<NetworkPolicy>('networkpolicies').items })
    return tableText(NINE, (from, to) => (decide(view, endpointOf(view.pods.get(from)!), endpointOf(view.pods.get(to)!), port, protocol, options).allowed ? '.' : 'X'))
  }

  /** What becomes of real connections. A denial counts only when it names the policies; anything else is shown as it is. */
  tried(port: number, protocol: PolicyProtocol): string {
    const journeys = new Map<string, Journey>()
    const closing: (() => void)[] = []
    for (const from of NINE) {
      const { sockets } = this.cluster.podNetwork(from.slice(0, 1), from.slice(2))!
      for (const to of NINE) {
        if (from === to) continue
        if (protocol !== 'UDP') {
          const connection: TcpConnection = (protocol === 'SCTP' ? sockets.sctp : sockets).connect({ address: this.ip(to), port }, {})
          journeys.set(`${from} ${to}`, connection.journey!)
          closing.push(() => connection.abort())
        } else {
          const socket = sockets.udp({})
          journeys.set(`${from} ${to}`, socket.send(new Uint8Array(0), this.ip(to), port)!)
          closing.push(() => socket.close())
        }
      }
    }
    this.cluster.clock.runFor(300)
    for (const close of closing) close()
    this.cluster.clock.runFor(100)
    return tableText(NINE, (from, to) => {
      const { verdict, reason, hops } = journeys.get(`${from} ${to}`)!
      if (verdict === 'delivered') return '.'
      return /^(drop|reject)-policy$/.test(reason ?? '') && (hops.at(-1)!.policies?.length ?? 0) > 0 ? 'X' : `${verdict}(${reason})`
    })
  }
}
