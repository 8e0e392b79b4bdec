import { Clock } from '../../clock.ts'
import { Network } from '../fabric.ts'
import type { Namespace } from '../namespace.ts'
import { TcpStack } from '../tcp/stack.ts'
import { NetfilterTables } from './netfilter.ts'

/** A network whose namespaces have real tables. */
export function makeFiltered(seed = 1): Network {
  return new Network({ clock: new Clock({ seed }), layers: { netfilter: (host, beside) => new NetfilterTables(host, beside), tcp: (host) => new TcpStack(host) } })
}

/** The tables of one namespace that has nothing but lo. */
export function makeTables(seed = 1): { netfilter: NetfilterTables; namespace: Namespace } {
  const network = makeFiltered(seed)
  const namespace = network.createNamespace({ name: 'node', machine: 'node', kind: 'node' })
  return { netfilter: namespace.netfilter as NetfilterTables, namespace }
}
