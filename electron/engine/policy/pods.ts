import type { Pod } from '../kubernetes/types.ts'
import { canonicalIp } from '../network/address.ts'
import type { PolicyPod } from './types.ts'

/** Objects are immutable, and every agent of a cluster gets the same ones: what is read from one is read once. */
const known = new WeakMap<Pod, PolicyPod>()
const NO_LABELS = {}
const NO_PORTS: ReadonlyMap<string, number> = new Map()

/** What policies look at in a Pod. */
export function policyPod(pod: Pod): PolicyPod {
  let found = known.get(pod)
  if (!found) known.set(pod, (found = read(pod)))
  return found
}

function read(pod: Pod): PolicyPod {
  const { namespace, name, uid, labels } = pod.metadata
  const { phase, podIPs, podIP } = pod.status
  const texts = podIPs?.length ? podIPs.map((p) => p.ip) : podIP ? [podIP] : []
  return {
    key: `${namespace}/${name}`,
    namespace,
    name,
    uid,
    labels: labels ?? NO_LABELS,
    node: pod.spec.nodeName || undefined,
    ips: texts.map((ip) => canonicalIp(ip ?? '')).filter((ip) => ip !== undefined),
    hostNetwork: pod.spec.hostNetwork === true,
    finished: phase === 'Succeeded' || phase === 'Failed',
    namedPorts: namedPorts(pod),
  }
}

function namedPorts(pod: Pod): ReadonlyMap<string, number> {
  let ports: Map<string, number> | undefined
  for (const container of pod.spec.containers) {
    for (const { name, protocol, containerPort } of container.ports ?? []) {
      if (!name) continue
      const key = `${protocol ?? 'TCP'}/${name}`
      ports ??= new Map()
      if (!ports.has(key)) ports.set(key, containerPort)
    }
  }
  return ports ?? NO_PORTS
}

/** Whether nothing that policies look at differs. */
export function samePod(a: PolicyPod, b: PolicyPod): boolean {
  return (
    a.uid === b.uid && a.node === b.node && a.hostNetwork === b.hostNetwork && a.finished === b.finished &&
    a.ips.length === b.ips.length && a.ips.every((ip, i) => ip === b.ips[i]) && sameLabels(a.labels, b.labels) && samePorts(a.namedPorts, b.namedPorts)
  )
}

export function sameLabels(a: Readonly<Record<string, string>> | undefined, b: Readonly<Record<string, string>> | undefined): boolean {
  if (a === b) return true
  const keys = Object.keys(a ?? NO_LABELS)
  return keys.length === Object.keys(b ?? NO_LABELS).length && keys.every((key) => a![key] === b![key])
}

function samePorts(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  if (a === b) return true
  return a.size === b.size && [...a].every(([key, port]) => b.get(key) === port)
}
