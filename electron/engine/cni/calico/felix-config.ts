import type { KubeObject } from '../../kubernetes/types.ts'
import { parseGoDuration } from '../../programs/http/go.ts'
import { tryParseCidr } from '../../network/address.ts'
import type { Side } from './felix-endpoints.ts'
import type { Failsafe } from './felix-hosts.ts'
import type { WireguardSettings } from './wireguard.ts'

/** What Felix can be told, by the FelixConfiguration "default", its node's own or its environment, which goes before both (felix/config/config_params.go). */
export interface FelixSettings {
  /** What happens to a packet of a Pod to its own node that the Pod's policies let go. */
  endpointToHost: 'ACCEPT' | 'DROP' | 'RETURN'
  /** What no policy of a host's endpoint can forbid. */
  failsafes: Record<Side, readonly Failsafe[]>
  /** Before a logged packet. */
  logPrefix: string
  /** Undefined: nothing is encrypted. */
  wireguard: WireguardSettings | undefined
}

interface Port { protocol?: string; port: number; net?: string }
export interface FelixConfiguration extends KubeObject {
  spec: { defaultEndpointToHostAction?: string; failsafeInboundHostPorts?: Port[]; failsafeOutboundHostPorts?: Port[]; logPrefix?: string; wireguardEnabled?: boolean; wireguardListeningPort?: number; wireguardMTU?: number; wireguardKeepAlive?: string }
}

const tcp = (...ports: number[]): Failsafe[] => ports.map((port) => ({ protocol: 'tcp', port }))
const udp = (port: number): Failsafe => ({ protocol: 'udp', port })
/** SSH, DHCP and DNS, BGP, etcd, Typha, the API server. */
const ALWAYS = [179, 2379, 2380, 5473, 6443, 6666, 6667]
const DEFAULTS: FelixSettings = { endpointToHost: 'DROP', failsafes: { ingress: [...tcp(22), udp(68), ...tcp(...ALWAYS)], egress: [udp(53), udp(67), ...tcp(...ALWAYS)] }, logPrefix: 'calico-packet', wireguard: undefined }

/** `objects`: the default first, then the node's. What is not understood counts as not said. */
export function felixSettings(env: ReadonlyMap<string, string>, objects: readonly (FelixConfiguration | undefined)[]): FelixSettings {
  const spec = Object.assign({}, ...objects.map((o) => o?.spec ?? {})) as FelixConfiguration['spec']
  const action = (env.get('FELIX_DEFAULTENDPOINTTOHOSTACTION') ?? spec.defaultEndpointToHostAction ?? '').toUpperCase()
  const given = (variable: string, ports: Port[] | undefined): Failsafe[] | undefined => portList(env.get(variable)) ?? ports?.map(({ protocol = 'tcp', port, net }) => ({ protocol: protocol.toLowerCase(), port, ...(net ? { net } : {}) }))
  return {
    endpointToHost: action === 'ACCEPT' || action === 'DROP' || action === 'RETURN' ? action : DEFAULTS.endpointToHost,
    failsafes: {
      ingress: given('FELIX_FAILSAFEINBOUNDHOSTPORTS', spec.failsafeInboundHostPorts) ?? DEFAULTS.failsafes.ingress,
      egress: given('FELIX_FAILSAFEOUTBOUNDHOSTPORTS', spec.failsafeOutboundHostPorts) ?? DEFAULTS.failsafes.egress,
    },
    wireguard: (env.get('FELIX_WIREGUARDENABLED') ?? String(spec.wireguardEnabled ?? false)).toLowerCase() === 'true'
      ? { port: spec.wireguardListeningPort ?? 51_820, mtu: spec.wireguardMTU ?? (Number(env.get('FELIX_WIREGUARDMTU') ?? 0) || 0), keepalive: Math.round((parseGoDuration(spec.wireguardKeepAlive ?? '0s') ?? 0) / 1000) }
      : undefined,
    logPrefix: env.get('FELIX_LOGPREFIX') ?? (spec.logPrefix || DEFAULTS.logPrefix),
  }
}

/** "tcp:22,udp:10.0.0.0/8:68,179", "none". */
function portList(text: string | undefined): Failsafe[] | undefined {
  if (text === undefined || text === '') return undefined
  if (text.toLowerCase() === 'none') return []
  const out: Failsafe[] = []
  for (const part of text.split(',')) {
    const [, protocol = 'tcp', net, port] = /^\s*(?:(tcp|udp):)?(?:\[?([\da-fA-F.:]+\/\d+)\]?:)?(\d{1,5})\s*$/i.exec(part) ?? []
    if (port === undefined || (net !== undefined && !tryParseCidr(net))) return undefined
    out.push({ protocol: protocol.toLowerCase(), port: Number(port), ...(net === undefined ? {} : { net }) })
  }
  return out
}
