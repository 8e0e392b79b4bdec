import { slaveFields, stackedFields, type Field } from './stacked-details.ts'
import type { Bridge, GeneveLink, IpipLink, Link, VxlanLink } from '../../../engine/cluster.ts'

/**
 * What `-d` adds (iproute2 6.1, ipaddress.c, iplink_bridge.c, iplink_bridge_slave.c), with the kernel's defaults for what
 * is not simulated: of Debian's 6.1, with VLAN filtering built in and 250 ticks a second.
 */

const TICKS = 1000

function bridgeFields(link: Bridge): Field[] {
  const id = bridgeId(link)
  // the ageing of addresses is looked after every five minutes
  const garbage = link.up ? (300_000 - (link.namespace.clock.now % 300_000)) / TICKS : 0
  const fields: Field[] = [
    ['forward_delay', 'forward_delay', 1500], ['hello_time', 'hello_time', 200], ['max_age', 'max_age', 2000], ['ageing_time', 'ageing_time', 30000], ['stp_state', 'stp_state', 0],
    ['priority', 'priority', 32768], ['vlan_filtering', 'vlan_filtering', link.vlans.filtering ? 1 : 0], ['vlan_protocol', 'vlan_protocol', '802.1Q'], ['bridge_id', 'bridge_id', id], ['designated_root', 'root_id', id],
    ['root_port', 'root_port', 0], ['root_path_cost', 'root_path_cost', 0], ['topology_change', 'topology_change', 0], ['topology_change_detected', 'topology_change_detected', 0],
    timer('hello_timer', 0), timer('tcn_timer', 0), timer('topology_change_timer', 0), timer('gc_timer', garbage),
    ['vlan_default_pvid', 'vlan_default_pvid', link.vlans.defaultPvid], ['vlan_stats_enabled', 'vlan_stats_enabled', 0], ['vlan_stats_per_port', 'vlan_stats_per_port', 0],
    ['group_fwd_mask', 'group_fwd_mask', '0'], ['group_address', 'group_addr', '01:80:c2:00:00:00'], ['mcast_snooping', 'mcast_snooping', 1], ['no_linklocal_learn', 'no_linklocal_learn', 0],
    ['mcast_vlan_snooping', 'mcast_vlan_snooping', 0], ['mcast_router', 'mcast_router', 1], ['mcast_query_use_ifaddr', 'mcast_query_use_ifaddr', 0], ['mcast_querier', 'mcast_querier', 0],
    ['mcast_hash_elasticity', 'mcast_hash_elasticity', 16], ['mcast_hash_max', 'mcast_hash_max', 4096], ['mcast_last_member_count', 'mcast_last_member_cnt', 2],
    ['mcast_startup_query_count', 'mcast_startup_query_cnt', 2], ['mcast_last_member_interval', 'mcast_last_member_intvl', 100], ['mcast_membership_interval', 'mcast_membership_intvl', 26000],
    ['mcast_querier_interval', 'mcast_querier_intvl', 25500], ['mcast_query_interval', 'mcast_query_intvl', 12500], ['mcast_query_response_interval', 'mcast_query_response_intvl', 1000],
    ['mcast_startup_query_interval', 'mcast_startup_query_intvl', 3125], ['mcast_stats_enabled', 'mcast_stats_enabled', 0], ['mcast_igmp_version', 'mcast_igmp_version', 2],
    ['mcast_mld_version', 'mcast_mld_version', 1], ['nf_call_iptables', 'nf_call_iptables', 0], ['nf_call_ip6tables', 'nf_call_ip6tables', 0], ['nf_call_arptables', 'nf_call_arptables', 0],
  ]
  return fields
}

const timer = (word: string, seconds: number): Field => [word, word, seconds, seconds.toFixed(2).padStart(7)]

/** %.2x%.2x.%x:%x:%x:%x:%x:%x */
const bridgeId = (link: Link): string => `8000.${link.mac.split(':').map((part) => parseInt(part, 16).toString(16)).join(':')}`

function portFields(link: Link): Field[] {
  const bridge = link.master!
  const number = bridge.ports.indexOf(link) + 1
  const id = bridgeId(bridge)
  const flag = (word: string, on: boolean, json = word): Field => [word, json, on, on ? 'on' : 'off']
  return [
    ['state', 'state', link.up && link.carrier ? 'forwarding' : 'disabled'], ['priority', 'priority', 32], ['cost', 'cost', 2], flag('hairpin', bridge.isHairpin(link)), flag('guard', false), flag('root_block', false),
    flag('fastleave', false), flag('learning', true), flag('flood', true), ['port_id', 'id', `0x${(0x8000 + number).toString(16)}`], ['port_no', 'no', `0x${number.toString(16)}`],
    ['designated_port', 'designated_port', 32768 + number], ['designated_cost', 'designated_cost', 0], ['designated_bridge', 'bridge_id', id], ['designated_root', 'root_id', id],
    timer('hold_timer', 0), timer('message_age_timer', 0), timer('forward_delay_timer', 0), ['topology_change_ack', 'topology_change_ack', 0], ['config_pending', 'config_pending', 0],
    flag('proxy_arp', false), flag('proxy_arp_wifi', false), ['mcast_router', 'multicast_router', 1], flag('mcast_fast_leave', false, ''), flag('mcast_flood', true), flag('bcast_flood', true),
    flag('mcast_to_unicast', false), flag('neigh_suppress', false), ['group_fwd_mask', 'group_fwd_mask', '0'], ['group_fwd_mask_str', 'group_fwd_mask_str', '0x0'], flag('vlan_tunnel', false), flag('isolated', false), flag('locked', false),
  ]
}

const text = (fields: readonly Field[]): string => fields.map(([word, , value, written]) => `${word} ${written === '' ? '' : `${written ?? String(value)} `}`).join('')
const object = (fields: readonly Field[]): Record<string, unknown> => Object.fromEntries(fields.filter(([, json]) => json !== '').map(([, json, value]) => [json, value]))

interface General { promiscuity: number; allmulti: number; least: number; most: number; queues: number; mode: string }

function general(link: Link): General {
  const port = link.master || link.bond ? 1 : 0
  const [least, most] = link.kind === 'loopback' || link.kind === 'ipip' ? [0, 0] : link.kind === 'wireguard' ? [0, 2147483552] : link.kind === 'dummy' ? [0, 0] : link.kind === 'vlan' ? [0, 65535] : [68, 65535]
  return {
    promiscuity: port + (link.notes?.promiscuous ? 1 : 0), allmulti: port + (link.notes?.allMulticast ? 1 : 0), least, most,
    queues: link.kind === 'veth' ? 2 : link.kind === 'bond' ? 16 : 1, mode: link.kind === 'wireguard' ? 'none' : 'eui64',
  }
}

/** `addresses`: of `ip -d addr`, to which the kernel does not tell of IPv6. */
export function details(link: Link, addresses = false): string {
  const g = general(link)
  const kind = kindText(link)
  const slave = link.master ? `\n    bridge_slave ${text(portFields(link))}` : link.bond ? `\n    bond_slave ${text(slaveFields(link))}` : ''
  return (
    ` promiscuity ${g.promiscuity}  allmulti ${g.allmulti} minmtu ${g.least} maxmtu ${g.most} ${kind === '' ? '' : `\n    ${kind}`}${slave}` +
    `${addresses ? '' : `addrgenmode ${g.mode} `}numtxqueues ${g.queues} numrxqueues ${g.queues} gso_max_size 65536 gso_max_segs 65535 tso_max_size 524280 tso_max_segs 65535 gro_max_size 65536 `
  )
}

/** The same for `-j`. */
export function detailsRow(link: Link, addresses = false): Record<string, unknown> {
  const g = general(link)
  const kind = kindText(link).split(' ')[0]!
  return {
    promiscuity: g.promiscuity, allmulti: g.allmulti, min_mtu: g.least, max_mtu: g.most,
    ...(kind || link.master || link.bond ? { linkinfo: { ...(kind && { info_kind: kind }), ...(link.kind === 'bridge' && { info_data: object(bridgeFields(link as Bridge)) }), ...(stackedFields(link) && { info_data: object(stackedFields(link)!) }), ...(link.bond && { info_slave_kind: 'bond', info_slave_data: object(slaveFields(link)) }), ...(link.master && { info_slave_kind: 'bridge', info_slave_data: object(portFields(link)) }) } } : {}),
    ...(addresses ? {} : { inet6_addr_gen_mode: g.mode }),
    num_tx_queues: g.queues, num_rx_queues: g.queues, gso_max_size: 65536, gso_max_segs: 65535, tso_max_size: 524280, tso_max_segs: 65535, gro_max_size: 65536,
  }
}

function kindText(link: Link): string {
  switch (link.kind) {
    case 'vxlan': {
      const v = link as VxlanLink
      if (v.external) return `vxlan external id 0 srcport 0 0 dstport ${v.port} nolearning ttl auto ageing 300 udpcsum noudp6zerocsumtx noudp6zerocsumrx `
      return `vxlan id ${v.vni} local ${v.local} dev ${v.underlay} srcport 0 0 dstport ${v.port} ${v.learning ? '' : 'nolearning '}ttl auto ageing 300 udpcsum noudp6zerocsumtx noudp6zerocsumrx `
    }
    case 'ipip': {
      const t = link as IpipLink
      return `ipip ${t.fallback ? 'any' : 'ipip'} remote ${t.remote ?? 'any'} local ${t.local ?? 'any'} ${t.underlay ? `dev ${t.underlay} ` : ''}ttl ${t.ttl || 'inherit'} ${t.pmtudisc ? 'pmtudisc' : 'nopmtudisc'} `
    }
    case 'geneve': {
      const g = link as GeneveLink
      return g.external ? `geneve external id 0 ttl auto dstport ${g.port} udp6zerocsumrx ` : `geneve id ${g.vni} remote ${g.remote} ttl auto dstport ${g.port} noudpcsum udp6zerocsumrx `
    }
    case 'bridge': return `bridge ${text(bridgeFields(link as Bridge))}`
    case 'wireguard': case 'openvswitch': case 'veth': case 'dummy': return `${link.kind} `
    default: {
      const fields = stackedFields(link)
      return fields ? `${link.kind} ${text(fields)}` : ''
    }
  }
}
