import type { Group, OvsBridge } from '../ovs/bridge.ts'
import { splitTop, type Flow } from '../ovs/flow.ts'
import type { FlowTable } from '../ovs/table.ts'
import { BRIDGE } from '../datapath.ts'
import { CommandError, notSimulated } from '../../command-error.ts'
import { takeFlags, type Command, type CommandContext } from './command.ts'

/** ovs-ofctl(8): flows, groups and ports of the bridge; flows can be added and taken away, as a teacher would. */

/** Ports and tables by number, as where names are not asked for. */
function numbered(bridge: OvsBridge, text: string): string {
  return text
    .replace(/in_port="([^"]+)"/g, (whole, name: string) => `in_port=${bridge.portNumber(name) ?? whole}`)
    .replace(/(goto_table:|resubmit\(,|table=)(\w+)/g, (whole, before: string, name: string) => (bridge.tables.has(name) ? `${before}${bridge.tables.get(name)!.id}` : whole))
}

/** "12.345s", without zeros at the end. */
function seconds(ms: number): string {
  return `${(Math.floor(ms) / 1000).toFixed(3).replace(/\.?0+$/, '')}s`
}

export function flowRow(bridge: OvsBridge, table: FlowTable, flow: Flow, options: { names: boolean; statistics: boolean; now: number }): string {
  const { names, statistics, now } = options
  const text = (part: string): string => (names ? part : numbered(bridge, part))
  const counts = statistics ? ` duration=${seconds(now - flow.createdAt)},` : ''
  const seen = statistics ? ` n_packets=${flow.packets}, n_bytes=${flow.bytes},` : ''
  const timeout = flow.hardTimeout === undefined ? '' : ` hard_timeout=${flow.hardTimeout},`
  return ` cookie=${flow.cookie},${counts} table=${names ? table.name : table.id},${seen}${timeout} priority=${flow.priority}${flow.match ? `,${text(flow.match)}` : ''} actions=${text(flow.actions)}\n`
}

/** What a filter of dump-flows or del-flows names: a table, a cookie, and parts of the match that flows must have. */
function filterOf(bridge: OvsBridge, text: string | undefined): (table: FlowTable, flow: Flow) => boolean {
  const tests: ((table: FlowTable, flow: Flow) => boolean)[] = []
  for (const part of text === undefined ? [] : splitTop(text)) {
    const [name, value = ''] = [part.split('=')[0]!, part.slice(part.indexOf('=') + 1)]
    if (name === 'table') tests.push((table) => table.name === value || String(table.id) === value)
    else if (name === 'cookie') {
      const [wanted, mask] = value.split('/').map((v) => (v === '-1' ? -1n : BigInt(v))) as [bigint, bigint | undefined]
      tests.push((_, flow) => (mask === undefined || mask === -1n ? BigInt(flow.cookie) === wanted : (BigInt(flow.cookie) & mask) === (wanted & mask)))
    } else if (name === 'in_port') tests.push((_, flow) => numbered(bridge, flow.match).split(',').includes(numbered(bridge, /^\d+$/.test(value) ? part : `in_port="${value.replaceAll('"', '')}"`)))
    else tests.push((_, flow) => splitTop(flow.match).includes(part))
  }
  return (table, flow) => tests.every((test) => test(table, flow))
}

const FLAGS = { '-O': 'value', '--protocols': 'value', '--names': 'flag', '--no-names': 'flag', '--no-stats': 'flag', '--strict': 'flag', '-m': 'flag', '--more': 'flag' } as const

export const ofctl: Command = (context, args) => {
  const { datapath: { bridge }, process } = context
  const { words: [verb, name, ...rest], flags } = takeFlags(args, FLAGS, 'ovs-ofctl')
  if (verb === undefined) throw new CommandError("ovs-ofctl: missing command name; use --help for help")
  const known = ['dump-flows', 'dump-aggregate', 'dump-groups', 'dump-group-stats', 'dump-ports', 'dump-ports-desc', 'show', 'add-flow', 'del-flows']
  if (!known.includes(verb)) throw notSimulated(`ovs-ofctl ${verb}`, `use ${known.join(', ')}`)
  if (name === undefined) throw new CommandError(`ovs-ofctl: '${verb}' command requires at least 1 arguments`)
  if (name !== BRIDGE) throw new CommandError(`ovs-ofctl: ${name} is not a bridge or a socket`)
  const names = flags.has('--names') || (!flags.has('--no-names') && process.terminalOf(1) !== undefined)
  const version = (flags.get('-O') ?? flags.get('--protocols') ?? '').replace(/^OpenFlow1(\d)$/, '1.$1')
  const reply = (what: string): string => `OFPST_${what} reply${version && version !== '1.0' ? ` (OF${version})` : ''} (xid=0x2):\n`
  switch (verb) {
    case 'dump-flows': {
      const wanted = filterOf(bridge, rest[0])
      let out = ''
      for (const { table, flow } of bridge.dump()) if (wanted(table, flow)) out += flowRow(bridge, table, flow, { names, statistics: !flags.has('--no-stats'), now: bridge.clock.now })
      return out
    }
    case 'dump-aggregate': {
      const wanted = filterOf(bridge, rest[0])
      const found = [...bridge.dump()].filter(({ table, flow }) => wanted(table, flow))
      const sum = (of: (flow: Flow) => number): number => found.reduce((s, { flow }) => s + of(flow), 0)
      return `NXST_AGGREGATE reply (xid=0x4): packet_count=${sum((f) => f.packets)} byte_count=${sum((f) => f.bytes)} flow_count=${found.length}\n`
    }
    case 'dump-groups': {
      const one = rest[0]?.replace(/^group_id=/, '')
      const groups = [...bridge.groups.values()].filter((g) => one === undefined || String(g.id) === one).sort((a, b) => a.id - b.id)
      return reply('GROUP_DESC') + groups.map((g) => ` ${groupRow(bridge, g, names)}\n`).join('')
    }
    case 'dump-group-stats': {
      const groups = [...bridge.groups.values()].sort((a, b) => a.id - b.id)
      return reply('GROUP') + groups.map((g) => ` group_id=${g.id},ref_count=1,packet_count=${g.packets},byte_count=0,${g.buckets.map((b) => `bucket${b.id}:packet_count=${b.packets},byte_count=0`).join()}\n`).join('')
    }
    case 'dump-ports-desc': return reply('PORT_DESC') + ports(context, names)
    case 'dump-ports': {
      const wanted = rest[0]?.replaceAll('"', '')
      const all = [...bridge.ports.values()].filter((p) => wanted === undefined || p.name === wanted || String(p.number) === wanted).sort((a, b) => a.number - b.number)
      if (wanted !== undefined && all.length === 0) throw new CommandError(`ovs-ofctl: ${BRIDGE}: couldn't find port \`${wanted}'`)
      return `OFPST_PORT reply (xid=0x2): ${all.length} ports\n${all.map(({ number, name: port, link: { statistics: s } }) => {
        // the switch's own view: what comes in to the node's gateway has left the bridge
        return `  port  ${names ? `"${port}"` : number}: rx pkts=${s.rxPackets}, bytes=${s.rxBytes}, drop=${s.rxDropped}, errs=0, frame=0, over=0, crc=0\n           tx pkts=${s.txPackets}, bytes=${s.txBytes}, drop=${s.txDropped}, errs=0, coll=0\n`
      }).join('')}`
    }
    case 'show':
      return (
        `OFPT_FEATURES_REPLY (xid=0x2): dpid:0000${context.datapath.gateway.mac.replaceAll(':', '')}\nn_tables:254, n_buffers:0\n` +
        'capabilities: FLOW_STATS TABLE_STATS PORT_STATS QUEUE_STATS ARP_MATCH_IP\n' +
        'actions: output enqueue set_vlan_vid set_vlan_pcp strip_vlan mod_dl_src mod_dl_dst mod_nw_src mod_nw_dst mod_nw_tos mod_tp_src mod_tp_dst\n' +
        `${ports(context, names)}OFPT_GET_CONFIG_REPLY (xid=0x4): frags=normal miss_send_len=0\n`
      )
    case 'add-flow': return addFlow(bridge, rest[0])
    default: {
      const wanted = filterOf(bridge, rest[0])
      for (const { table, flow } of [...bridge.dump()]) if (wanted(table, flow)) bridge.removeFlow(flow)
      return ''
    }
  }
}

/** "group_id=1,type=select,bucket=…" */
export function groupRow(bridge: OvsBridge, { id, type, buckets }: Group, names: boolean): string {
  return `group_id=${id},type=${type},${buckets.map((b) => `bucket=bucket_id:${b.id},${type === 'select' ? `weight:${b.weight},` : ''}actions=${names ? b.actions : numbered(bridge, b.actions)}`).join()}`
}

function ports({ datapath: { bridge } }: CommandContext, names: boolean): string {
  return [...bridge.ports.values()].sort((a, b) => a.number - b.number).map(({ number, name, type, link }) => {
    const copper = type === 'system' ? '     current:    10GB-FD COPPER\n     speed: 10000 Mbps now, 0 Mbps max\n' : '     speed: 0 Mbps now, 0 Mbps max\n'
    return ` ${names ? `${number}("${name}")` : `${number}(${name})`}: addr:${link.mac}\n     config:     ${link.up ? '0' : 'PORT_DOWN'}\n     state:      ${link.carrier ? '0' : 'LINK_DOWN'}\n${copper}`
  }).join('')
}

/** "table=Classifier,priority=200,ip,actions=drop" */
function addFlow(bridge: OvsBridge, text: string | undefined): string {
  const at = text?.search(/[, ]actions=/) ?? -1
  if (text === undefined || at < 0) throw new CommandError('ovs-ofctl: must specify an action')
  let [table, priority, cookie] = ['0', 32_768, '0x0']
  const match: string[] = []
  for (const part of splitTop(text.slice(0, at)).map((p) => p.trim())) {
    if (part.startsWith('table=')) table = part.slice(6)
    else if (part.startsWith('priority=')) priority = Number(part.slice(9))
    else if (part.startsWith('cookie=')) cookie = part.slice(7)
    else match.push(part)
  }
  const found = [...bridge.tables.values()].find((t) => t.name === table || String(t.id) === table)
  if (!found) throw notSimulated(`the table ${table}`, `use ${[...bridge.tables.keys()].join(', ')}`)
  try {
    bridge.addFlow({ table: found.name, priority, cookie, match: match.join(), actions: text.slice(at + 9) })
  } catch (error) {
    const { message } = error as Error
    throw message.startsWith('podhop: ') ? new CommandError(message, 69) : new CommandError(`ovs-ofctl: ${message}`)
  }
  return ''
}
