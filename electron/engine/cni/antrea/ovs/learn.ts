import type { Action } from './actions.ts'
import { subfield, wideRegister, type FlowKey } from './fields.ts'
import { splitTop } from './flow.ts'
import { ported } from '../../../network/packets.ts'

/** learn(): adds a flow that is made of the frame at hand (session affinity). */
const PROTOCOL: Readonly<Record<string, string>> = { '0x800 0x6': 'tcp', '0x800 0x11': 'udp', '0x800 0x84': 'sctp', '0x86dd 0x6': 'tcp6', '0x86dd 0x11': 'udp6', '0x86dd 0x84': 'sctp6' }

export function compileLearn(text: string): Action {
  const settings = new Map<string, string>()
  const matches: ((key: FlowKey) => string)[] = []
  const loads: ((key: FlowKey) => string)[] = []
  for (const part of splitTop(text)) {
    const at = part.indexOf('=')
    if (part.startsWith('load:')) loads.push(loadOf(part.slice(5)))
    else if (part.endsWith('[]')) matches.push(matchOf(part.slice(0, -2)))
    else if (at > 0) settings.set(part.slice(0, at), part.slice(at + 1))
  }
  const protocol = PROTOCOL[`${settings.get('eth_type') ?? ''} ${settings.get('nw_proto') ?? ''}`] ?? 'ip'
  return ({ bridge, key, dry }) => {
    if (dry) return
    // as match_format has it: sources before destinations, addresses before ports
    const parts = matches.map((m) => m(key)).sort((a, b) => ORDER.indexOf(a.split('=')[0]!) - ORDER.indexOf(b.split('=')[0]!))
    bridge.addFlow({
      table: settings.get('table')!, cookie: settings.get('cookie') ?? '0x0', priority: Number(settings.get('priority') ?? 32_768), hardTimeout: Number(settings.get('hard_timeout')),
      match: [protocol, ...parts].join(), actions: loads.map((l) => l(key)).join(),
    })
  }
}

const ORDER = ['nw_src', 'ipv6_src', 'nw_dst', 'ipv6_dst', 'tp_src', 'tp_dst']

function matchOf(field: string): (key: FlowKey) => string {
  const ports = (key: FlowKey): { sourcePort: number; destinationPort: number } => (key.frame.payload.kind === 'ip' && ported(key.frame.payload.payload)) || { sourcePort: 0, destinationPort: 0 }
  if (/^OXM_OF_(TCP|UDP|SCTP)_DST$/.test(field)) return (key) => `tp_dst=${ports(key).destinationPort}`
  const ip = (key: FlowKey, end: 'source' | 'destination'): string => (key.frame.payload.kind === 'ip' ? key.frame.payload[end] : '0.0.0.0')
  if (field === 'NXM_OF_IP_DST') return (key) => `nw_dst=${ip(key, 'destination')}`
  if (field === 'NXM_OF_IP_SRC') return (key) => `nw_src=${ip(key, 'source')}`
  if (field === 'NXM_NX_IPV6_DST') return (key) => `ipv6_dst=${ip(key, 'destination')}`
  if (field === 'NXM_NX_IPV6_SRC') return (key) => `ipv6_src=${ip(key, 'source')}`
  throw new Error(`podhop: not simulated: learning ${field}`)
}

function loadOf(text: string): (key: FlowKey) => string {
  const [source, target] = text.split('->') as [string, string]
  if (/^(0x)?[\da-f]+$/.test(source)) return () => `load:${source}->${target}`
  if (source === 'NXM_NX_XXREG3[]') return ({ registers }) => `load:0x${wideRegister(registers).toString(16)}->${target}`
  const { field, from, to } = subfield(source)
  const i = Number(/^NXM_NX_REG(\d)$/.exec(field)![1])
  return ({ registers }) => `load:0x${(to - from === 31 ? registers[i]! : (registers[i]! >>> from) & (2 ** (to - from + 1) - 1)).toString(16)}->${target}`
}
