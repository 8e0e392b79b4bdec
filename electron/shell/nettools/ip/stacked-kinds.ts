import { SystemError, type Bridge, type BondLink, type BondOptions, type IpvlanLink, type Link, type MacvlanLink, type NetworkNamespace, type NewLink, type VlanTag } from '../../../engine/cluster.ts'
import { KIND_HELP } from './kind-help.ts'
import { nextWord, notSimulated, numberWord, Refusal, wrong } from './common.ts'

/** The options of `ip link add|set … type vlan|macvlan|ipvlan|bond|bridge` (iproute2 6.1: iplink_vlan.c, iplink_macvlan.c, …), and what the kernel says of them. */

const usage = (kind: string): Refusal => new Refusal(KIND_HELP[kind]!, 1)
const unknown = (kind: string, word: string, what: 'command' | 'option'): Refusal => new Refusal(`${kind}: unknown ${what} "${word}"?\n${KIND_HELP[kind]!}`, 1)

/** NL_SET_ERR_MSG_MOD */
const told = (text: string): Refusal => new Refusal(`Error: ${text}.\n`, 2)

/** `lower`: of `link NAME`, whose being there iproute2 has looked at. */
export function vlanSpec(network: NetworkNamespace, args: string[], lower: string | undefined, mtu: number | undefined): NewLink {
  if (args.length === 0) throw told('8021q: VLAN properties not specified')
  let id: number | undefined
  let protocol: VlanTag['protocol']
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'id') id = numberWord(nextWord(args), 'id is invalid', 65535)
    else if (word === 'protocol') {
      const name = nextWord(args).toLowerCase()
      if (name !== '802.1q' && name !== '802.1ad') throw wrong(name, 'protocol is invalid')
      protocol = name === '802.1ad' ? '802.1ad' : undefined
    } else if (word === 'reorder_hdr' || word === 'gvrp' || word === 'mvrp' || word === 'loose_binding' || word === 'bridge_binding') {
      const value = onOff(word, nextWord(args))
      if (value !== (word === 'reorder_hdr')) throw notSimulated(`ip link add type vlan ${word} ${value ? 'on' : 'off'}`, 'use id and protocol')
    } else if (word === 'ingress-qos-map' || word === 'egress-qos-map') throw notSimulated(`ip link add type vlan ${word}`, 'use id and protocol')
    else if (word === 'help') throw usage('vlan')
    else throw unknown('vlan', word, 'command')
  }
  if (id !== undefined && id >= 4095) throw told('8021q: Invalid VLAN id')
  if (lower === undefined) throw told('8021q: link not specified')
  if (id === undefined) throw told('8021q: VLAN id not specified')
  const below = network.links.get(lower)!
  if (!carriesFrames(below)) throw told('8021q: VLANs not supported on device')
  const tag: VlanTag = { id, ...(protocol ? { protocol } : {}) }
  if (standsOn(network, below, 'vlan').some((l) => 'tag' in l && (l.tag as VlanTag).id === id && (l.tag as VlanTag).protocol === protocol)) throw told('8021q: VLAN device already exists')
  if (mtu !== undefined && mtu > below.mtu) throw new SystemError('EINVAL')
  return { kind: 'vlan', lower, tag }
}

const onOff = (word: string, value: string): boolean => {
  if (value !== 'on' && value !== 'off') throw new Refusal(`Error: argument of "${word}" must be "on" or "off", not "${value}"\n`, 1)
  return value === 'on'
}

/** Ethernet, and not the loopback. */
const carriesFrames = (link: Link): boolean => !['loopback', 'ipip', 'wireguard'].includes(link.kind)

/** Links of a kind on another one, here. */
const standsOn = (network: NetworkNamespace, below: Link, kind: Link['kind']): Link[] => [...network.links.values()].filter((l) => l.kind === kind && l.lower === below)

const MACVLAN_MODES = ['private', 'vepa', 'bridge', 'passthru', 'source']

export function macvlanSpec(network: NetworkNamespace, args: string[], lower: string | undefined): NewLink {
  let mode: string = 'vepa'
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'mode') {
      mode = nextWord(args)
      if (!MACVLAN_MODES.includes(mode)) throw new Refusal(`Error: argument of "mode" must be "private", "vepa", "bridge", "passthru" or "source", not "${mode}"\n`, 1)
      if (mode === 'source') throw notSimulated('ip link add type macvlan mode source', 'use mode bridge, private, vepa or passthru')
    } else if (word === 'flag' || word === 'macaddr' || word === 'bcqueuelen') throw notSimulated(`ip link add type macvlan ${word}`, 'use mode')
    else if (word === 'help') throw usage('macvlan')
    else throw unknown('macvlan', word, 'option')
  }
  const below = lower === undefined ? undefined : network.links.get(lower)
  if (!below || !carriesFrames(below)) throw new SystemError('EINVAL')
  return { kind: 'macvlan', lower: below.name, mode: mode as MacvlanLink['mode'] }
}

interface IpvlanOptions { mode: IpvlanLink['mode'] | undefined; flag: IpvlanLink['flag'] | undefined }

function ipvlanOptions(args: string[]): IpvlanOptions {
  const out: IpvlanOptions = { mode: undefined, flag: undefined }
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'mode') {
      const mode = nextWord(args)
      if (mode !== 'l2' && mode !== 'l3' && mode !== 'l3s') throw new Refusal('Error: argument of "mode" must be either "l2", "l3" or "l3s"\n', 1)
      if (mode === 'l3s') throw notSimulated('ip link add type ipvlan mode l3s', 'use mode l2 or l3')
      out.mode = mode
    } else if (word === 'bridge' || word === 'private' || word === 'vepa') {
      if (out.flag !== undefined && out.flag !== word) throw new SystemError('EINVAL')
      out.flag = word
    } else if (word === 'help') throw usage('ipvlan')
    else throw unknown('ipvlan', word, 'option')
  }
  return out
}

export function ipvlanSpec(network: NetworkNamespace, args: string[], lower: string | undefined): NewLink {
  const { mode, flag } = ipvlanOptions(args)
  const below = lower === undefined ? undefined : network.links.get(lower)
  if (!below || !carriesFrames(below)) throw new SystemError('EINVAL')
  return { kind: 'ipvlan', lower: below.name, mode: mode ?? 'l3', flag: flag ?? 'bridge' }
}

const BOND_MODES = ['balance-rr', 'active-backup', 'balance-xor', 'broadcast', '802.3ad', 'balance-tlb', 'balance-alb']
/** What a bond here has as the kernel makes it. */
const BOND_ELSEWHERE = new Set([
  'peer_notify_delay', 'use_carrier', 'arp_interval', 'arp_validate', 'arp_all_targets', 'arp_ip_target', 'ns_ip6_target', 'primary_reselect', 'fail_over_mac', 'xmit_hash_policy', 'resend_igmp', 'num_grat_arp', 'num_unsol_na',
  'all_slaves_active', 'min_links', 'lp_interval', 'packets_per_slave', 'tlb_dynamic_lb', 'lacp_rate', 'lacp_active', 'ad_select', 'ad_user_port_key', 'ad_actor_sys_prio', 'ad_actor_system', 'arp_missed_max',
])

interface BondChange extends Partial<BondOptions> { active?: string | undefined }

function bondChange(network: NetworkNamespace, args: string[]): BondChange {
  const out: BondChange = {}
  while (args.length > 0) {
    const word = args.shift()!
    const time = (): number => {
      const value = nextWord(args)
      if (!/^\d+$/.test(value)) throw wrong(value, `invalid ${word}`)
      return Number(value)
    }
    const slave = (): string => {
      const name = nextWord(args)
      if (!network.links.has(name)) throw new Refusal(`Cannot find device "${name}"\n`, 1)
      return name
    }
    if (word === 'mode') {
      const given = nextWord(args)
      const mode = /^[0-6]$/.test(given) ? BOND_MODES[Number(given)]! : given
      if (!BOND_MODES.includes(mode)) throw wrong(given, 'invalid mode')
      if (mode !== 'balance-rr' && mode !== 'active-backup' && mode !== 'broadcast') throw notSimulated(`bond mode ${mode}`, 'use mode active-backup, balance-rr or broadcast')
      out.mode = mode
    } else if (word === 'miimon' || word === 'updelay' || word === 'downdelay') out[word] = time()
    else if (word === 'primary') out.primary = slave()
    else if (word === 'active_slave') out.active = slave()
    else if (word === 'clear_active_slave') out.active = undefined
    else if (BOND_ELSEWHERE.has(word)) throw notSimulated(`ip link type bond ${word}`, 'use mode, miimon, updelay, downdelay, primary or active_slave')
    else if (word === 'help') throw usage('bond')
    else throw unknown('bond', word, 'command')
  }
  return out
}

export function bondSpec(network: NetworkNamespace, args: string[]): NewLink {
  const { active, ...options } = bondChange(network, args)
  if (active !== undefined) throw new SystemError('EINVAL')
  return { kind: 'bond', options }
}

interface BridgeChange { vlanFiltering?: boolean; vlanDefaultPvid?: number }

const BRIDGE_ELSEWHERE = new Set([
  'fdb_flush', 'forward_delay', 'hello_time', 'max_age', 'ageing_time', 'stp_state', 'priority', 'group_fwd_mask', 'group_address', 'no_linklocal_learn', 'vlan_protocol', 'vlan_stats_enabled', 'vlan_stats_per_port', 'mcast_snooping',
  'mcast_vlan_snooping', 'mcast_router', 'mcast_query_use_ifaddr', 'mcast_querier', 'mcast_hash_elasticity', 'mcast_hash_max', 'mcast_last_member_count', 'mcast_startup_query_count', 'mcast_last_member_interval', 'mcast_membership_interval',
  'mcast_querier_interval', 'mcast_query_interval', 'mcast_query_response_interval', 'mcast_startup_query_interval', 'mcast_stats_enabled', 'mcast_igmp_version', 'mcast_mld_version', 'nf_call_iptables', 'nf_call_ip6tables', 'nf_call_arptables',
])

function bridgeChange(args: string[]): BridgeChange {
  const out: BridgeChange = {}
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'vlan_filtering') {
      const value = nextWord(args)
      if (!/^\d+$/.test(value) || Number(value) > 255) throw wrong(value, 'invalid vlan_filtering')
      out.vlanFiltering = value !== '0'
    } else if (word === 'vlan_default_pvid') {
      const value = nextWord(args)
      if (!/^\d+$/.test(value) || Number(value) > 65535) throw wrong(value, 'invalid vlan_default_pvid')
      out.vlanDefaultPvid = Number(value)
      if (out.vlanDefaultPvid > 4094) throw new SystemError('EINVAL')
    } else if (BRIDGE_ELSEWHERE.has(word)) throw notSimulated(`ip link type bridge ${word}`, 'use vlan_filtering and vlan_default_pvid')
    else if (word === 'help') throw usage('bridge')
    else throw unknown('bridge', word, 'command')
  }
  return out
}

export const bridgeSpec = (args: string[]): NewLink => ({ kind: 'bridge', ...bridgeChange(args) })

/** `ip link set NAME type KIND …`: what of a link can be changed later. */
export function changeKind(network: NetworkNamespace, device: Link, kind: string, args: string[]): () => void {
  if (kind === 'bridge_slave' || kind === 'bond_slave') throw notSimulated(`ip link set type ${kind}`, kind === 'bridge_slave' ? 'use bridge link set dev NAME hairpin on|off' : 'use ip link set BOND type bond active_slave NAME')
  if (kind !== device.kind) throw new Refusal('RTNETLINK answers: Operation not supported\n', 2)
  switch (kind) {
    case 'bridge': {
      const { vlanFiltering, vlanDefaultPvid } = bridgeChange(args)
      const { vlans } = device as Bridge
      return () => {
        if (vlanFiltering !== undefined) vlans.filtering = vlanFiltering
        if (vlanDefaultPvid !== undefined) vlans.defaultPvid = vlanDefaultPvid
      }
    }
    case 'bond': {
      const change = bondChange(network, args)
      const { active, ...options } = change
      const bond = device as BondLink
      return () => {
        bond.configure(options)
        if ('active' in change) bond.activate(active)
      }
    }
    case 'ipvlan': {
      const { mode, flag } = ipvlanOptions(args)
      const link = device as IpvlanLink
      return () => {
        if (mode !== undefined) link.mode = mode
        if (flag !== undefined) link.flag = flag
      }
    }
    default: throw notSimulated(`ip link set type ${kind}`, 'make it anew: ip link del, ip link add')
  }
}
