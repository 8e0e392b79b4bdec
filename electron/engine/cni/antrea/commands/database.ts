import { BRIDGE, type Datapath } from '../datapath.ts'
import { CommandError } from '../../command-error.ts'
import { hex, sha256 } from '../../../sha256.ts'
import { encodeUtf8 } from '../../../text.ts'

/** The database of Open vSwitch as Antrea fills it: vswitchd/vswitch.ovsschema, pkg/ovs/ovsconfig of Antrea. */
export type Value = string | number | boolean | readonly string[] | Readonly<Record<string, string | number>>
/** `name`: what a record may be called besides its UUID. */
export interface DbRow { name: string; columns: Readonly<Record<string, Value>> }

const TABLES = ['Open_vSwitch', 'Bridge', 'Port', 'Interface', 'Flow_Table', 'QoS', 'Queue', 'Mirror', 'NetFlow', 'sFlow', 'IPFIX', 'Flow_Sample_Collector_Set', 'Controller', 'Manager', 'Datapath', 'CT_Zone', 'CT_Timeout_Policy', 'SSL', 'AutoAttach']

/** A unique beginning will do, whatever its case, with - for _. */
function named(wanted: string, names: readonly string[]): string[] {
  const plain = (text: string): string => text.toLowerCase().replaceAll('-', '_')
  const exact = names.filter((n) => plain(n) === plain(wanted))
  return exact.length > 0 ? exact : names.filter((n) => plain(n).startsWith(plain(wanted)))
}

export function tableNamed(wanted: string): string {
  const found = named(wanted, TABLES)
  if (found.length === 1) return found[0]!
  throw new CommandError(found.length === 0 ? `ovs-vsctl: unknown table "${wanted}"` : `ovs-vsctl: "${wanted}" matches multiple table names: ${found.join(', ')}`)
}

export function columnNamed(table: string, wanted: string, columns: readonly string[]): string {
  const found = named(wanted, columns)
  if (found.length === 1) return found[0]!
  throw new CommandError(`ovs-vsctl: ${table} ${found.length === 0 ? 'does not contain a column whose name matches' : 'contains more than one column whose name matches'} "${wanted}"`)
}

/** Integers and booleans that nobody has set are 0 and false, all else is empty. */
function record(name: string, id: string, empty: { sets?: string; maps?: string; strings?: string; zero?: string; no?: string }, own: Readonly<Record<string, Value>>): DbRow {
  const words = (text: string | undefined): string[] => text?.split(' ') ?? []
  const columns: Record<string, Value> = {
    ...Object.fromEntries(words(empty.sets).map((c) => [c, [] as readonly string[]])), ...Object.fromEntries(words(empty.maps).map((c) => [c, {}])),
    ...Object.fromEntries(words(empty.strings).map((c) => [c, ''])), ...Object.fromEntries(words(empty.zero).map((c) => [c, 0])), ...Object.fromEntries(words(empty.no).map((c) => [c, false])), ...own,
  }
  return { name, columns: { _uuid: [id], ...Object.fromEntries(Object.entries(columns).sort(([a], [b]) => (a < b ? -1 : 1))) } }
}

export function rowsOf({ bridge, context, gateway }: Datapath, table: string): DbRow[] {
  const ports = [...bridge.ports.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  const id = (kind: string, name = ''): string => uuid(`${kind} ${context.name}${name && ` ${name}`}`)
  switch (table) {
    case 'Open_vSwitch':
      return [record('.', id('open vswitch'), { sets: 'datapath_types iface_types manager_options ssl dpdk_version', maps: 'datapaths statistics other_config', no: 'dpdk_initialized' }, {
        bridges: [id('bridge')], cur_cfg: 2 + ports.length, next_cfg: 2 + ports.length, db_version: '8.8.0', ovs_version: OVS_VERSION, system_type: 'ubuntu', system_version: '24.04',
        external_ids: { hostname: context.name, rundir: '/var/run/openvswitch', 'system-id': id('system') },
      })]
    case 'Bridge':
      return [record(BRIDGE, id('bridge'), { sets: 'auto_attach controller fail_mode flood_vlans ipfix mirrors netflow sflow', maps: 'external_ids flow_tables other_config rstp_status status', no: 'mcast_snooping_enable rstp_enable stp_enable' }, {
        name: BRIDGE, datapath_type: 'system', datapath_version: '<unknown>', datapath_id: [`0000${gateway.mac.replaceAll(':', '')}`], protocols: ['OpenFlow10', 'OpenFlow15'], ports: ports.map((p) => id('port', p.name)).sort(),
        other_config: { 'datapath-id': `0000${gateway.mac.replaceAll(':', '')}` },
      })]
    case 'Port':
      return ports.map((p) => record(p.name, id('port', p.name), { sets: 'bond_active_slave bond_mode cvlans lacp mac qos tag trunks vlan_mode', maps: 'other_config rstp_statistics rstp_status statistics status', zero: 'bond_downdelay bond_updelay', no: 'bond_fake_iface fake_bridge protected' }, {
        name: p.name, interfaces: [id('interface', p.name)], external_ids: p.externalIds,
      }))
    case 'Interface':
      return ports.map(({ name, number, type, link }) => {
        const { rxBytes, rxPackets, rxDropped, txBytes, txPackets, txDropped } = link.statistics
        const tunnel = type === 'geneve' || type === 'vxlan'
        const sets = 'cfm_fault cfm_fault_status cfm_flap_count cfm_health cfm_mpid cfm_remote_mpids cfm_remote_opstate duplex error lacp_current link_speed mac mtu mtu_request ofport_request'
        return record(name, id('interface', name), { sets, maps: 'bfd bfd_status external_ids lldp options other_config', zero: 'ingress_policing_burst ingress_policing_kpkts_burst ingress_policing_kpkts_rate ingress_policing_rate' }, {
          name, type: type === 'system' ? '' : type, ofport: number, mac_in_use: [link.mac], admin_state: link.up ? 'up' : 'down', link_state: link.carrier ? 'up' : 'down', ifindex: link.index, link_resets: 0,
          ...(tunnel ? { options: { key: 'flow', remote_ip: 'flow' } } : { mtu: link.mtu }), ...(type === 'system' ? { duplex: 'full', link_speed: 10_000_000_000 } : {}),
          statistics: tunnel ? { rx_bytes: rxBytes, rx_packets: rxPackets, tx_bytes: txBytes, tx_packets: txPackets } : { collisions: 0, rx_bytes: rxBytes, rx_crc_err: 0, rx_dropped: rxDropped, rx_errors: 0, rx_frame_err: 0, rx_missed_errors: 0, rx_over_err: 0, rx_packets: rxPackets, tx_bytes: txBytes, tx_dropped: txDropped, tx_errors: 0, tx_packets: txPackets },
          status: type === 'system' ? { driver_name: 'veth', driver_version: '1.0', firmware_version: '' } : type === 'internal' ? { driver_name: 'openvswitch' } : {},
        })
      })
    default: return []
  }
}

/** ovsdb_datum_to_string: strings that look like identifiers stand without quotes. */
export function valueText(value: Value): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return quoted(value)
  const atom = (text: string | number): string => (typeof text === 'number' || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? String(text) : quoted(text))
  if (isList(value)) return value.length === 1 ? atom(value[0]!) : `[${value.map(atom).join(', ')}]`
  return `{${Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${atom(k)}=${atom(v)}`).join(', ')}}`
}

export function isList(value: Value): value is readonly string[] {
  return Array.isArray(value)
}

/** list and find: a line for each column, an empty one between records. */
export function listText(rows: readonly DbRow[], columns: readonly string[] | undefined, bare: boolean): string {
  const text = (value: Value): string => {
    if (!bare) return valueText(value)
    if (typeof value !== 'object') return String(value)
    return isList(value) ? value.join(' ') : Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${k}=${v}`).join(' ')
  }
  return rows.map(({ columns: all }) => (columns ?? Object.keys(all)).map((c) => (bare ? `${text(all[c]!)}\n` : `${c.padEnd(20)}: ${text(all[c]!)}\n`)).join('')).join('\n')
}

export const OVS_VERSION = '3.5.0'

/** The same thing has the same UUID. */
export function uuid(text: string): string {
  const digits = hex(sha256(encodeUtf8(text)))
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-8${digits.slice(17, 20)}-${digits.slice(20, 32)}`
}

/** Strings that look like identifiers stand without quotes. */
export function quoted(text: string): string {
  return /^[A-Za-z_][\w.-]*$/.test(text) ? text : JSON.stringify(text)
}
