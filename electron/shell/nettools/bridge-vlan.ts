import { capable, SystemError, type Bridge, type BridgeVlan, type Link, type NetworkNamespace, type Process } from '../../engine/cluster.ts'
import { BridgeRefusal, type BridgeOptions } from './bridge-common.ts'
import { writeJson } from './ip/json.ts'

/** `bridge vlan` (bridge(8), iproute2 6.1, bridge/vlan.c): which VLANs a port lets through. */

const NAME_WIDTH = 16

const bridgeOf = (link: Link): Bridge | undefined => (link.kind === 'bridge' ? (link as Bridge) : link.master)

export function showVlans(network: NetworkNamespace, args: readonly string[], options: BridgeOptions): string {
  let [device, only] = [undefined as string | undefined, undefined as number | undefined]
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!
    const value = args[++i]
    if (value === undefined) throw new BridgeRefusal('Command line is not complete. Try option "help"\n', 255)
    if (word === 'dev') device = value
    else if (word === 'vid') only = Number.parseInt(value, 10) || 0
  }
  if (device !== undefined && !network.links.has(device)) throw new BridgeRefusal(`Cannot find device "${device}"\n`, 255)
  if (options.statistics) throw new BridgeRefusal('podhop: not simulated: bridge -statistics vlan (use bridge vlan show)\n', 69)
  const ports = [...network.links.values()].sort((a, b) => a.index - b.index).filter((l) => device === undefined || l.name === device)
    .map((link) => ({ link, vlans: (bridgeOf(link)?.vlans.list(link) ?? []).filter((v) => only === undefined || v.id === only) })).filter(({ vlans }) => vlans.length > 0)
  if (options.json) {
    return writeJson(ports.map(({ link, vlans }) => ({ ifname: link.name, vlans: vlans.map((v) => ({ vlan: v.id, ...(flagsOf(v).length > 0 ? { flags: flagsOf(v) } : {}) })) })), options.pretty)
  }
  const lines = ports.flatMap(({ link, vlans }) => vlans.map((v, i) => `${(i === 0 ? link.name : '').padEnd(NAME_WIDTH)}  ${v.id}${flagsOf(v).map((f) => ` ${f}`).join('')}\n`))
  return `${'port'.padEnd(NAME_WIDTH)}  vlan-id  \n${lines.join('')}`
}

const flagsOf = (vlan: BridgeVlan): string[] => [...(vlan.pvid ? ['PVID'] : []), ...(vlan.untagged ? ['Egress Untagged'] : [])]

/** `bridge vlan add|del vid N[-M] dev LINK [pvid] [untagged] [self|master]` */
export function changeVlan(process: Process, adds: boolean, args: readonly string[]): void {
  let device: string | undefined
  let range: [number, number] | undefined
  let isRange = false
  const flags = { pvid: false, untagged: false, self: false }
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!
    if (word === 'pvid' || word === 'untagged' || word === 'self') flags[word] = true
    else if (word === 'tunnel_info') throw new BridgeRefusal('podhop: not simulated: bridge vlan tunnel_info (use vid and dev)\n', 69)
    else if (word === 'dev' || word === 'vid') {
      const value = args[++i]
      if (value === undefined) throw new BridgeRefusal('Command line is not complete. Try option "help"\n', 255)
      if (word === 'dev') device = value
      else {
        const [first, last] = value.split('-')
        const from = Number.parseInt(first!, 10) || 0
        isRange = last !== undefined
        range = [from, last === undefined ? from : Number.parseInt(last, 10) || 0]
      }
    }
  }
  if (device === undefined || range === undefined) throw new BridgeRefusal('Device and VLAN ID are required arguments.\n', 255)
  const link = process.network.links.get(device)
  if (!link) throw new BridgeRefusal(`Cannot find bridge device "${device}"\n`, 255)
  const [first, last] = range
  if (first >= 4096) throw new BridgeRefusal(`Invalid VLAN ID "${first}"\n`, 255)
  if (isRange && (last >= 4096 || first >= last)) throw new BridgeRefusal(`Invalid VLAN range "${first}-${last}"\n`, 255)
  if (isRange && flags.pvid) throw new BridgeRefusal('pvid cannot be configured for a vlan range\n', 255)
  if (!capable(process, 'NET_ADMIN')) throw new SystemError('EPERM')
  const bridge = bridgeOf(link)
  // the bridge itself wants `self`, its ports do without (rtnl_bridge_setlink)
  if (!bridge || flags.self !== (link === (bridge as Link))) throw new BridgeRefusal('RTNETLINK answers: Operation not supported\n', 255)
  if (first === 0 || last === 4095) throw new SystemError('EINVAL')
  for (let id = first; id <= last; id++) {
    if (adds) bridge.vlans.add(link, { id, pvid: flags.pvid, untagged: flags.untagged })
    else if (bridge.vlans.list(link).some((v) => v.id === id) || !isRange) bridge.vlans.remove(link, id)
  }
}
