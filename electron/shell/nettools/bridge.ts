import { capable, isSystemError, SystemError, formatBridgeFdb, formatVxlanFdb, type Bridge, type Link, type NetworkNamespace, type Process, type Task, type VxlanLink } from '../../engine/cluster.ts'

/** bridge(8), iproute2 6.1: fdb and link. */
export function* bridge(process: Process): Task<number> {
  const [object = '', verb = 'show', ...rest] = process.argv.slice(1)
  const showing = 'show'.startsWith(verb) || 'list'.startsWith(verb)
  if (object !== '' && 'fdb'.startsWith(object) && showing) {
    const filter = pairs(rest)
    const device = filter.get('dev')
    const master = filter.get('br')
    for (const name of [device, master]) {
      if (name !== undefined && !process.network.links.has(name)) {
        yield* process.printError(`Cannot find device "${name}"\n`)
        return 1
      }
    }
    yield* process.print(printFdb(process.network, device, master))
    return 0
  }
  if (object !== '' && 'link'.startsWith(object) && showing) {
    yield* process.print(printPorts(process.network))
    return 0
  }
  if (object !== '' && 'fdb'.startsWith(object) && ['add', 'append', 'replace', 'delete'].some((v) => v.startsWith(verb))) {
    try {
      changeFdb(process, verb, rest)
      return 0
    } catch (error) {
      if (!(error instanceof Refusal) && !isSystemError(error)) throw error
      yield* process.printError(error instanceof Refusal ? error.message : `RTNETLINK answers: ${error.message}\n`)
      return error instanceof Refusal ? error.code : 255
    }
  }
  if (['fdb', 'link', 'vlan', 'mdb'].some((o) => object !== '' && o.startsWith(object))) {
    yield* process.printError(`podhop: not simulated: bridge ${[object, verb].join(' ')} (use bridge fdb show or bridge link show)\n`)
    return 69
  }
  yield* process.printError(object === '' ? 'Usage: bridge [ OPTIONS ] OBJECT { COMMAND | help }\nwhere  OBJECT := { link | fdb }\n' : `Object "${object}" is unknown, try "bridge help".\n`)
  return 255
}

class Refusal extends Error {
  readonly code: number
  constructor(text: string, code = 1) {
    super(text)
    this.code = code
  }
}

/** `bridge fdb add|append|replace|del MAC dev LINK dst IP` of VXLAN links: to which node frames for a MAC address travel. */
function changeFdb(process: Process, verb: string, args: readonly string[]): void {
  const [mac, ...rest] = args
  const words = rest.filter((w) => !['self', 'permanent', 'static', 'dynamic', 'temp', 'local'].includes(w))
  const given = pairs(words)
  const device = given.get('dev')
  if (mac === undefined || device === undefined) throw new Refusal('Device and address are required arguments.\n', 255)
  if (!/^([0-9a-f]{1,2}:){5}[0-9a-f]{1,2}$/i.test(mac)) throw new Refusal(`Invalid address "${mac}"\n`, 255)
  const link = process.network.links.get(device)
  if (!link) throw new Refusal(`Cannot find device "${device}"\n`)
  const unknown = [...given.keys()].find((k) => k !== 'dev' && k !== 'dst')
  if (unknown !== undefined || link.kind !== 'vxlan') throw new Refusal(`podhop: not simulated: bridge fdb ${verb} ${unknown ?? `on ${device}`} (use bridge fdb ${verb} MAC dev VXLAN dst IP)\n`, 69)
  if (!capable(process, 'NET_ADMIN')) throw new SystemError('EPERM')
  const vxlan = link as VxlanLink
  const address = mac.toLowerCase().split(':').map((p) => p.padStart(2, '0')).join(':')
  const vtep = given.get('dst')
  const present = vxlan.forwarding().some((f) => f.mac === address && (vtep === undefined || f.vtep === vtep))
  if ('delete'.startsWith(verb)) {
    if (!present) throw new SystemError('ENOENT')
    return vxlan.removeForwarding(address, vtep)
  }
  if (vtep === undefined) throw new SystemError('EINVAL')
  const taken = vxlan.forwarding().some((f) => f.mac === address)
  if (present || (taken && 'add'.startsWith(verb))) throw new SystemError('EEXIST')
  vxlan.addForwarding(address, vtep)
}

function pairs(args: readonly string[]): Map<string, string> {
  const out = new Map<string, string>()
  for (let i = 0; i < args.length; i += 2) out.set(args[i]!, args[i + 1] ?? '')
  return out
}

/** `bridge fdb show`: learned and local entries of bridges, and the VXLAN devices' own. */
export function printFdb(network: NetworkNamespace, device?: string, master?: string): string {
  const lines: string[] = []
  for (const link of [...network.links.values()].sort((a, b) => a.index - b.index)) {
    if (link.kind === 'bridge' && (master === undefined || link.name === master)) {
      for (const entry of (link as Bridge).forwarding()) if (device === undefined || entry.port === device) lines.push(formatBridgeFdb(entry, link.name))
    }
    if (link.kind === 'vxlan' && master === undefined && (device === undefined || link.name === device)) {
      for (const entry of (link as VxlanLink).forwarding()) lines.push(formatVxlanFdb(entry, link.name, entry.learned ?? false))
    }
  }
  return lines.map((l) => `${l} \n`).join('')
}

function printPorts(network: NetworkNamespace): string {
  const links = [...network.links.values()]
  // the other end's index, looked up among the names of this namespace (bridge/link.c does not ask for the other's)
  const peer = (link: Link): string => (link.peer ? `@${links.find((l) => l.index === link.peer!.index)?.name ?? `if${link.peer.index}`}` : '')
  return links
    .filter((l) => l.master)
    .sort((a, b) => a.index - b.index)
    .map((l) => `${l.index}: ${l.name}${peer(l)}: <BROADCAST,MULTICAST${l.up ? ',UP' : ''}${l.up && l.carrier ? ',LOWER_UP' : ''}> mtu ${l.mtu} master ${l.master!.name} state ${l.up && l.carrier ? 'forwarding' : 'disabled'} priority 32 cost 2 \n`)
    .join('')
}
