import type { BondLink, IpvlanLink, Link, MacvlanLink, VlanLink } from '../../../engine/cluster.ts'

/** Words and their names in JSON are not always the same; `text` stands for a value that is written another way, '' for a word alone. */
export type Field = readonly [word: string, json: string, value: string | number | boolean | null | readonly string[], text?: string]

/** What `-d` tells of links that stand on others, and of bonds (iproute2 6.1: iplink_vlan.c, iplink_macvlan.c, iplink_ipvlan.c, iplink_bond.c, iplink_bond_slave.c). */
export function stackedFields(link: Link): Field[] | undefined {
  switch (link.kind) {
    case 'vlan': {
      const { id, protocol } = (link as VlanLink).tag
      return [['protocol', 'protocol', protocol ?? '802.1Q'], ['id', 'id', id], ['<REORDER_HDR>', 'flags', ['REORDER_HDR'], '']]
    }
    case 'macvlan': return [['mode', 'mode', (link as MacvlanLink).mode], ['bcqueuelen', 'bcqueuelen', 1000], ['usedbcqueuelen', 'usedbcqueuelen', 1000]]
    case 'ipvlan': {
      const { mode, flag } = link as IpvlanLink
      return [[' mode', 'mode', mode], [flag, flag, true, '']]
    }
    case 'bond': return bondFields(link as BondLink)
    default: return undefined
  }
}

/** With the kernel's defaults for what is not simulated (bond_fill_info of Linux 6.1). */
function bondFields(bond: BondLink): Field[] {
  const { mode, miimon, updelay, downdelay, primary } = bond.options
  const same = (word: string, value: string | number): Field => [word, word, value]
  return [
    same('mode', mode), ...(bond.active === undefined ? [] : [same('active_slave', bond.active)]), same('miimon', miimon), same('updelay', updelay), same('downdelay', downdelay), same('peer_notify_delay', 0),
    same('use_carrier', 1), same('arp_interval', 0), same('arp_missed_max', 2), ['arp_validate', 'arp_validate', null, 'none'], same('arp_all_targets', 'any'), ...(primary === undefined ? [] : [same('primary', primary)]),
    same('primary_reselect', 'always'), same('fail_over_mac', 'none'), same('xmit_hash_policy', 'layer2'), same('resend_igmp', 1), ['num_grat_arp', 'num_peer_notif', 1], same('all_slaves_active', 0),
    same('min_links', 0), same('lp_interval', 1), same('packets_per_slave', 1), ['lacp_active', 'ad_lacp_active', 'on'], ['lacp_rate', 'ad_lacp_rate', 'slow'], same('ad_select', 'stable'), same('tlb_dynamic_lb', 1),
  ]
}

export function slaveFields(link: Link): Field[] {
  const slave = link.bond!.slaves.find((s) => s.link === link)!
  const same = (word: string, value: string | number): Field => [word, word, value]
  return [
    same('state', slave.active ? 'ACTIVE' : 'BACKUP'), same('mii_status', slave.up ? 'UP' : 'DOWN'), same('link_failure_count', slave.failures), same('perm_hwaddr', slave.permanentMac), same('queue_id', 0),
  ]
}
