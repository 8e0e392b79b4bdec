import { peersTable, readRouteQuery, routesTable } from '../bgp/tables.ts'
import { helpOf } from './help.ts'
import { CommandError, notSimulated } from '../../command-error.ts'
import type { Command } from './context.ts'

/** `cilium-dbg bgp peers` and `routes` (cilium-dbg/cmd/bgp_*.go of cilium/cilium v1.17). */
export const bgp: Command = ({ agent, datapath }, [verb, ...args]) => {
  if (verb === undefined) return helpOf('bgp')!
  const flag = args.find((a) => a.startsWith('-'))
  if ((verb !== 'peers' && verb !== 'routes') || flag !== undefined) throw notSimulated(`cilium-dbg bgp ${[verb, flag].filter(Boolean).join(' ')}`, 'use cilium-dbg bgp peers or cilium-dbg bgp routes, as tables')
  const asked = verb === 'routes' ? readRouteQuery(args) : undefined
  if (typeof asked === 'string') throw new CommandError(`Error: ${asked}\n`)
  if (!agent.bgp) return 'BGP Control Plane is disabled\n'
  return asked ? `${asked.said}${routesTable(agent.bgp, datapath.now, asked.query)}` : peersTable(agent.bgp, datapath.now)
}
