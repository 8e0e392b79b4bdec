import type { NodeView, PodView, ServiceView, TopologyView } from '../../electron/bridge/view.ts'

/** A made-up cluster for looking at the window without a host. */

export function node(index: number, bridge = 'cni0'): NodeView {
  const name = index === 0 ? 'control-plane' : `worker-${index}`
  const face = (kind: 'nic' | 'bridge' | 'vxlan', ifname: string, address: string) => ({
    name: ifname, kind, addresses: [address], mac: `02:42:ac:12:00:0${index + 2}`, mtu: kind === 'nic' ? 1500 : 1450, up: true,
  })
  return {
    name,
    role: index === 0 ? 'control-plane' : 'worker',
    ready: true,
    down: false,
    faults: [],
    address: `172.18.0.${index + 2}`,
    podCIDR: `10.244.${index}.0/24`,
    interfaces: {
      eth0: face('nic', 'eth0', `172.18.0.${index + 2}/16`),
      'flannel.1': face('vxlan', 'flannel.1', `10.244.${index}.0/32`),
      [bridge]: face('bridge', bridge, `10.244.${index}.1/24`),
    },
  }
}

let serial = 0
export function pod(name: string, on: number | null, ip: string | null, more: Partial<PodView> = {}): PodView {
  const containers = more.containers ?? { [name.split('-')[0]!]: { name: name.split('-')[0]!, image: 'nginx', state: 'running', reason: null, ready: true, restarts: 0, ports: [80] } }
  return {
    namespace: 'default',
    name,
    node: on === null ? null : on === 0 ? 'control-plane' : `worker-${on}`,
    ip,
    status: 'Running',
    ready: true,
    terminating: false,
    system: false,
    labels: { app: name.split('-')[0]! },
    hostNetwork: ip?.startsWith('172.') ?? false,
    down: false,
    hostInterface: ip && !ip.startsWith('172.') ? `veth${(0xa1b2c0 + ++serial).toString(16)}` : null,
    bridge: ip && !ip.startsWith('172.') ? 'cni0' : null,
    ...more,
    containers,
  }
}

function service(name: string, clusterIP: string, port: number, pods: PodView[], more: Partial<ServiceView> = {}): ServiceView {
  return {
    namespace: 'default',
    name,
    type: 'ClusterIP',
    clusterIP,
    ports: [{ name: null, port, targetPort: String(port), nodePort: null, protocol: 'TCP' }],
    selector: { app: name },
    endpoints: pods.map((p) => ({ pod: `${p.namespace}/${p.name}`, ip: p.ip ?? '', ready: p.ready })),
    system: false,
    ...more,
  }
}

const keyed = <T extends { namespace: string; name: string }>(list: T[]) => Object.fromEntries(list.map((o) => [`${o.namespace}/${o.name}`, o]))

export function topology(webPods = 4, nodes = 3): TopologyView {
  const suffixes = 'bcdfghjklmnpqrstvwxz2456789'
  const suffix = (i: number) => [0, 1, 2, 3, 4].map((k) => suffixes[Math.floor((i * 7919 + 104_729) / 27 ** k + k * 11) % 27]).join('')
  const web = Array.from({ length: webPods }, (_, i) => {
    const on = 1 + (i % (nodes - 1))
    return pod(`web-6d4f9c7b5d-${suffix(i)}`, on, `10.244.${on}.${5 + Math.floor(i / (nodes - 1))}`)
  })
  const db = pod('shop', 1, '10.244.1.3', {
    containers: {
      web: { name: 'web', image: 'nginx', state: 'running', reason: null, ready: true, restarts: 0, ports: [80] },
      db: { name: 'db', image: 'mysql', state: 'running', reason: null, ready: true, restarts: 2, ports: [3306] },
    },
  })
  const broken = pod('twins', 2, '10.244.2.4', {
    status: 'CrashLoopBackOff', ready: false,
    containers: {
      one: { name: 'one', image: 'nginx', state: 'running', reason: null, ready: true, restarts: 0, ports: [80] },
      two: { name: 'two', image: 'nginx', state: 'waiting', reason: 'CrashLoopBackOff', ready: false, restarts: 4, ports: [80] },
    },
  })
  const client = pod('client', 2, '10.244.2.3', { containers: { toolbox: { name: 'toolbox', image: 'amouat/network-utils', state: 'running', reason: null, ready: true, restarts: 0, ports: [] } } })
  const waiting = pod('late', 2, null, { status: 'ContainerCreating', ready: false, containers: { late: { name: 'late', image: 'nginx', state: 'waiting', reason: 'ContainerCreating', ready: false, restarts: 0, ports: [] } } })
  const system = ['coredns-674b8bbfcf-4xkzd', 'coredns-674b8bbfcf-zq7lm'].map((n, i) => pod(n, i, `10.244.${i}.2`, { namespace: 'kube-system', system: true }))
  const proxies = Array.from({ length: nodes }, (_, i) => pod(`kube-proxy-${suffix(i + 40)}`, i, `172.18.0.${i + 2}`, { namespace: 'kube-system', system: true }))
  return {
    outside: {
      outside: { id: 'outside', kind: 'network', label: 'outside network', address: '172.18.0.1' },
      internet: { id: 'internet', kind: 'client', label: 'internet', address: '192.0.2.53' },
      laptop: { id: 'laptop', kind: 'laptop', label: 'your laptop', address: '192.0.2.10' },
    },
    nodes: Object.fromEntries(Array.from({ length: nodes }, (_, i) => node(i)).map((n) => [n.name, n])),
    pods: keyed([db, broken, client, waiting, ...web, ...system, ...proxies]),
    services: keyed([
      service('kubernetes', '10.96.0.1', 443, [], { selector: {} }),
      service('web', '10.96.114.23', 80, web),
      service('shop', '10.99.3.180', 8080, [db], { type: 'NodePort', ports: [{ name: 'http', port: 8080, targetPort: '80', nodePort: 31214, protocol: 'TCP' }] }),
      service('kube-dns', '10.96.0.10', 53, system, { namespace: 'kube-system', system: true }),
    ]),
    links: {},
  }
}
