import { canonicalIp, ipv4Number, parseIpv4 } from '../../address.ts'
import type { Hook, Ip, Link, NetworkNamespace } from '../../types.ts'
import type { NatRange } from '../conntrack/nat.ts'
import { NotSimulated, UsageError } from '../errors.ts'
import { flag, mustSpecify, one } from '../extension.ts'
import type { RuleContext, TargetExtension } from '../extension.ts'
import { servicePort } from '../names.ts'
import type { Evaluation, Rule, TargetVerdict } from '../rule.ts'

/** DNAT, SNAT, MASQUERADE and REDIRECT. */

function parsePort(text: string, names = false): number {
  const port = /^\d+$/.test(text) ? Number(text) : ((names ? servicePort(text) : undefined) ?? Number.NaN)
  if (!(port >= 1 && port <= 65_535)) throw new UsageError(`Port \`${text}' not valid`)
  return port
}

/** `names`: a service's name will do. */
function parsePorts(text: string, names = false): { from: number; to: number } {
  if (/^\d+-\d+\/\d+$/.test(text)) throw new NotSimulated('-j DNAT to ports that are shifted')
  if (names && servicePort(text) !== undefined) return { from: servicePort(text)!, to: servicePort(text)! }
  const dash = text.indexOf('-')
  const from = parsePort(dash < 0 ? text : text.slice(0, dash), names)
  const to = dash < 0 ? from : parsePort(text.slice(dash + 1), names)
  if (from > to) throw new UsageError('Port range bad')
  return { from, to }
}

/** "[fd00::1]:80", "[fd00::1-fd00::5]:80", "fd00::1", ":80" (libip6t_DNAT). */
function parseTo6(text: string, rule: Rule): NatRange {
  const range: NatRange = {}
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text)
  const only = /^:([0-9-]+)$/.exec(text)
  const [host, ports] = bracketed ? [bracketed[1]!, bracketed[2]] : only ? ['', only[1]] : [text, undefined]
  if (ports !== undefined) {
    needPorts(rule)
    range.ports = parsePorts(ports)
  }
  const address = (part: string): Ip => {
    const value = part.includes(':') ? canonicalIp(part) : undefined
    if (value === undefined) throw new UsageError(`Bad IP address "${part}"`)
    return value
  }
  if (host !== '') {
    const dash = host.indexOf('-')
    const from = address(dash < 0 ? host : host.slice(0, dash))
    range.addresses = { from, to: dash < 0 ? from : address(host.slice(dash + 1)) }
  }
  return range
}

function parseTo(text: string, rule: Rule): NatRange {
  const colon = text.indexOf(':')
  const range: NatRange = {}
  if (colon >= 0) {
    needPorts(rule)
    range.ports = parsePorts(text.slice(colon + 1))
  }
  const host = colon < 0 ? text : text.slice(0, colon)
  if (host !== '') {
    const dash = host.indexOf('-')
    const address = (part: string): Ip => {
      if (parseIpv4(part) === undefined) throw new UsageError(`Bad IP address "${part}"`)
      return part
    }
    const from = address(dash < 0 ? host : host.slice(0, dash))
    range.addresses = { from, to: dash < 0 ? from : address(host.slice(dash + 1)) }
  }
  return range
}

function needPorts(rule: Rule): void {
  if (!rule.protocol || rule.protocol.invert || ![6, 17, 33, 132].includes(rule.protocol.number)) {
    throw new UsageError('Need TCP, UDP, SCTP or DCCP with port specification')
  }
}

function portsText(ports: { from: number; to: number }): string {
  return ports.from === ports.to ? String(ports.from) : `${ports.from}-${ports.to}`
}

function rangeText({ addresses, ports }: NatRange): string {
  const host = addresses ? addresses.from + (addresses.to === addresses.from ? '' : `-${addresses.to}`) : ''
  if (!ports) return host
  return `${host.includes(':') ? `[${host}]` : host}:${portsText(ports)}`
}

interface Kind {
  name: string
  option: string
  manipulates: 'source' | 'destination'
  hooks: readonly Hook[]
  fully: boolean
}

function translation(kind: Kind): TargetExtension {
  return ({ rule, family }: RuleContext) => {
    let range: NatRange | undefined
    const words: { random?: boolean; fully?: boolean; persistent?: boolean } = {}
    return {
      options: {
        [kind.option]: one((text) => (range = family === 4 ? parseTo(text, rule) : parseTo6(text, rule))),
        random: flag(() => (words.random = true)),
        ...(kind.fully ? { 'random-fully': flag(() => (words.fully = true)) } : {}),
        persistent: flag(() => (words.persistent = true)),
      },
      finish: () => {
        if (!range) return mustSpecify(kind.name, kind.option)
        const whole: NatRange = { ...range, ...words }
        const tail = [words.random && 'random', words.fully && 'random-fully', words.persistent && 'persistent'].filter(Boolean)
        return {
          name: kind.name, tables: ['nat'], hooks: kind.hooks, tracks: true,
          save: ` --${kind.option} ${rangeText(range)}${tail.map((w) => ` --${w}`).join('')}`,
          list: () => `to:${rangeText(whole)}${tail.map((w) => ` ${w}`).join('')}`,
          run: ({ host, packet }): TargetVerdict => host.nat.bind(packet, kind.manipulates, whole),
        }
      },
    }
  }
}

export const DNAT = translation({ name: 'DNAT', option: 'to-destination', manipulates: 'destination', hooks: ['prerouting', 'output'], fully: false })
export const SNAT = translation({ name: 'SNAT', option: 'to-source', manipulates: 'source', hooks: ['postrouting', 'input'], fully: true })

/** The address of the interface that the packet leaves by: inet_select_addr(dev, next hop). */
export function masqueradeAddress(namespace: NetworkNamespace, out: Link | undefined, destination: Ip): Ip | undefined {
  const usable = (link: Link): readonly { address: Ip; prefixLength: number }[] =>
    link.addresses.filter((a) => a.scope !== 'host' && !a.secondary && !a.address.includes(':'))
  const nextHop = ipv4Number(namespace.routes.lookup(destination)?.via ?? destination)
  const own = out ? usable(out) : []
  const onLink = own.find((a) => {
    const host = 2 ** (32 - a.prefixLength)
    return Math.floor(ipv4Number(a.address) / host) === Math.floor(nextHop / host)
  })
  const first = onLink ?? own[0]
  if (first) return first.address
  for (const link of namespace.links.values()) {
    const other = usable(link)[0]
    if (other) return other.address
  }
  return undefined
}

export const MASQUERADE: TargetExtension = ({ rule, family }) => {
  let ports: NatRange['ports']
  let random = false
  let fully = false
  return {
    options: {
      'to-ports': one((text) => {
        needPorts(rule)
        ports = parsePorts(text)
      }),
      random: flag(() => (random = true)),
      'random-fully': flag(() => (fully = true)),
    },
    finish: () => {
      const range = ports
      const words = [random && 'random', fully && 'random-fully'].filter(Boolean)
      return {
        name: 'MASQUERADE', tables: ['nat'], hooks: ['postrouting'], tracks: true,
        save: `${range ? ` --to-ports ${portsText(range)}` : ''}${words.map((w) => ` --${w}`).join('')}`,
        list: () => [range ? `masq ports: ${portsText(range)}` : '', ...words].filter(Boolean).join(' '),
        run: ({ host, packet, outLink }): TargetVerdict => {
          const address = family === 4 ? masqueradeAddress(host.namespace, outLink, packet.destination) : host.namespace.sourceFor(packet.destination)
          if (address === undefined) return 'drop'
          return host.nat.bind(packet, 'source', { addresses: { from: address, to: address }, ports: range, random, fully })
        },
      }
    },
  }
}

export const REDIRECT: TargetExtension = ({ rule, family }) => {
  let ports: NatRange['ports']
  let random = false
  return {
    options: {
      'to-ports': one((text) => {
        needPorts(rule)
        ports = parsePorts(text, true)
      }),
      random: flag(() => (random = true)),
    },
    finish: () => {
      const range = ports
      return {
        name: 'REDIRECT', tables: ['nat'], hooks: ['prerouting', 'output'], tracks: true,
        save: `${range ? ` --to-ports ${portsText(range)}` : ''}${random ? ' --random' : ''}`,
        list: () => [range ? `redir ports ${portsText(range)}` : '', random ? 'random' : ''].filter(Boolean).join(' '),
        run: (evaluation: Evaluation): TargetVerdict => {
          const { host, packet, hook, inLink } = evaluation
          const own = inLink?.addresses.find((a) => a.address.includes(':') === (family === 6))
          const address = hook === 'output' ? (family === 4 ? '127.0.0.1' : '::1') : own?.address
          if (address === undefined) return 'drop'
          return host.nat.bind(packet, 'destination', { addresses: { from: address, to: address }, ports: range, random })
        },
      }
    },
  }
}
