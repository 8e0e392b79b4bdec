import { untilSignal } from '../programs/output.ts'
import type { Task } from '../machine/task.ts'
import type { Process } from '../machine/types.ts'
import type { Route } from '../network/types.ts'
import { wholeNumber } from './arguments.ts'
import { FaultError, runningNode, type FaultKind } from './fault.ts'

/** A node's kernel: route-missing, ip-forward-off and conntrack-full. */

export const routeMissing: FaultKind = {
  name: 'route-missing',
  places: ['NODE', 'CIDR'],
  options: [],
  summary: 'removes a route from a node',
  help: [
    'As `ip route del` on the node. flannel writes its VXLAN routes when a node joins or its own agent',
    'starts, and does not look after them: the route stays away until then. Other plugins put it back:',
    'Calico (BGP) and flannel with host-gw within ten seconds, kube-router and Antrea within a minute,',
    'Cilium when it looks after its nodes again (after a minute and a half, with three nodes).',
  ],
  apply(world, { places: [name, cidr] }) {
    const { network } = runningNode(world, name!)
    const routes = (): Route[] => network.routes.list('main', cidr.includes(':') ? 6 : 4).filter((r) => r.destination === cidr)
    const removed = routes()
    if (removed.length === 0) {
      const there = network.routes.list('main', cidr.includes(':') ? 6 : 4).map((r) => r.destination)
      throw new FaultError(`${name} has no route to ${cidr}; it has ${there.length > 12 ? `${there.slice(0, 12).join(', ')} and ${there.length - 12} more` : there.join(', ')}`)
    }
    for (const route of removed) network.routes.remove(route)
    return {
      text: `${name} has no route to ${cidr}`,
      nodes: [name!],
      broken: () => routes().length === 0,
      clear: () => {
        // a device may have gone with a restart of the node: whoever made the route makes it again
        for (const route of removed) if (route.device === undefined || network.links.get(route.device)?.up) network.routes.add(route, { replace: true })
      },
    }
  },
}

const FORWARD = 'net.ipv4.ip_forward'

export const ipForwardOff: FaultKind = {
  name: 'ip-forward-off',
  places: ['NODE'],
  options: [],
  summary: 'switches forwarding off: the node drops what is not for itself',
  help: [
    'As `sysctl -w net.ipv4.ip_forward=0` on the node. Its own Pods reach each other over the bridge, and',
    'nothing else. The reference plugin "bridge", which flannel uses too, switches it on again whenever it',
    'wires a new Pod; nothing else mends it.',
  ],
  apply(world, { places: [name] }) {
    const { network } = runningNode(world, name!)
    if (network.sysctl(FORWARD) === '0') throw new FaultError(`${FORWARD} is 0 on ${name} already`)
    network.setSysctl(FORWARD, '0')
    return {
      text: `${name} does not forward packets (${FORWARD} is 0)`,
      nodes: [name!],
      broken: () => network.sysctl(FORWARD) === '0',
      clear: () => network.setSysctl(FORWARD, '1'),
    }
  },
}

const MAX = 'net.netfilter.nf_conntrack_max'

export const conntrackFull: FaultKind = {
  name: 'conntrack-full',
  places: ['NODE'],
  options: [{ name: 'max', value: 'ENTRIES', preset: '16', about: 'how many connections the table holds' }],
  summary: "fills a node's connection tracking table, so that no new connection gets through",
  help: [
    'A leaking program on the node holds as many connections to itself as the table may have, and',
    'nf_conntrack_max is lowered to that number. Connections that exist go on; the first packet of every',
    'new one is dropped, and the kernel writes "nf_conntrack: table full, dropping packet" (hop node NODE',
    '-- dmesg). Raising nf_conntrack_max mends it; no agent does.',
  ],
  apply(world, { places: [name], options }) {
    const { network, machine } = runningNode(world, name!)
    const max = wholeNumber('max', options['max']!, 1, 1000)
    const before = network.sysctl(MAX)!
    const { conntrack } = network.netfilter
    if (conntrack.list().length >= Number(before)) throw new FaultError(`the table of ${name} is full already (${MAX} is ${before})`)
    const leak = machine.start({ argv: ['leaky-client'], files: new Map(), program: (process) => leakConnections(process, max, () => network.setSysctl(MAX, String(max))) })
    return {
      text: `the connection tracking table of ${name} is full (${MAX} is ${max})`,
      nodes: [name!],
      broken: () => Number(network.sysctl(MAX)) <= conntrack.list().length || leak.status === undefined && Number(network.sysctl(MAX)) <= max,
      clear: () => {
        if (leak.status === undefined) leak.signal('SIGKILL')
        if (network.sysctl(MAX) === String(max)) network.setSysctl(MAX, before)
      },
    }
  },
}

/** Connections that nobody closes: their entries stay for five days after the last packet. */
function* leakConnections(process: Process, count: number, onFull: () => void): Task<number> {
  const { sockets } = process.network
  let open = 0
  const port = 61_616
  const owner = { pid: process.pid, program: 'leaky-client' }
  const listener = sockets.listen({ port, address: '127.0.0.1', owner }, () => undefined)
  const connections = Array.from({ length: count }, () => sockets.connect({ address: '127.0.0.1', port, owner }, {
    onConnect: () => {
      if (++open === count) onFull()
    },
  }))
  process.onExit(() => {
    for (const connection of connections) connection.abort()
    listener.close()
  })
  yield* untilSignal(process, ['SIGTERM'])
  return 0
}
