import { byName, own } from '../../../own.ts'
import { BRIDGE, type Datapath } from '../datapath.ts'
import { CommandError, notSimulated } from '../../command-error.ts'
import { takeFlags, type Command } from './command.ts'
import { columnNamed, isList, listText, OVS_VERSION, quoted, rowsOf, tableNamed, uuid, valueText, type DbRow } from './database.ts'

/** ovs-vsctl(8): the database of Open vSwitch, read. What Antrea knows of a Pod is with its Port, not with its Interface. */

function show({ bridge, context }: Datapath): string {
  let out = `${uuid(`open vswitch ${context.name}`)}\n    Bridge ${BRIDGE}\n        datapath_type: system\n`
  for (const { name, type } of [...bridge.ports.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    out += `        Port ${quoted(name)}\n            Interface ${quoted(name)}\n`
    if (type !== 'system') out += `                type: ${type}\n`
    if (type === 'geneve' || type === 'vxlan') out += '                options: {key=flow, remote_ip=flow}\n'
  }
  return `${out}    ovs_version: "${OVS_VERSION}"\n`
}

/** Command → how many arguments it takes at least and at most: utilities/ovs-vsctl.c, lib/db-ctl-base.c. */
const READS: Readonly<Record<string, readonly [number, number]>> = byName({
  show: [0, 0], 'list-br': [0, 0], 'br-exists': [1, 1], 'br-to-vlan': [1, 1], 'br-to-parent': [1, 1], 'br-get-external-id': [1, 2], 'list-ports': [1, 1], 'list-ifaces': [1, 1], 'port-to-br': [1, 1], 'iface-to-br': [1, 1],
  'get-controller': [1, 1], 'get-fail-mode': [1, 1], 'get-manager': [0, 0], 'get-ssl': [0, 0], comment: [0, Infinity], get: [2, Infinity], list: [1, Infinity], find: [1, Infinity],
})
const OTHERS = new Set(['init', 'add-br', 'del-br', 'br-set-external-id', 'add-port', 'del-port', 'add-bond', 'add-bond-iface', 'del-bond-iface', 'del-controller', 'set-controller', 'del-fail-mode', 'set-fail-mode', 'del-manager', 'set-manager', 'del-ssl', 'set-ssl', 'add-aa-mapping', 'del-aa-mapping', 'get-aa-mapping', 'emer-reset', 'add-zone-tp', 'del-zone-tp', 'list-zone-tp', 'list-dp-cap', 'set-zone-limit', 'del-zone-limit', 'list-zone-limits', 'set', 'add', 'remove', 'clear', 'create', 'destroy', 'wait-until'])

export const vsctl: Command = ({ datapath }, args) => {
  const { words: [verb, ...rest], flags } = takeFlags(args, { '--no-wait': 'flag', '--if-exists': 'flag', '--columns': 'value', '-t': 'value', '--timeout': 'value', '--bare': 'flag', '--no-headings': 'flag', '--': 'flag' }, 'ovs-vsctl')
  if (verb === undefined) throw new CommandError('ovs-vsctl: missing command name (use --help for help)')
  const range = own(READS, verb)
  if (!range) {
    if (OTHERS.has(verb)) throw notSimulated(`ovs-vsctl ${verb}`, `use ${Object.keys(READS).join(', ')}`)
    throw new CommandError(`ovs-vsctl: unknown command '${verb}'; use --help for help`)
  }
  if (rest.length < range[0]) throw new CommandError(`ovs-vsctl: '${verb}' command requires at least ${range[0]} arguments`)
  if (rest.length > range[1]) throw new CommandError(`ovs-vsctl: '${verb}' command takes at most ${range[1]} arguments`)
  const needBridge = (): void => {
    if (rest[0] !== BRIDGE) throw new CommandError(`ovs-vsctl: no bridge named ${rest[0]}`)
  }
  const port = (kind: 'port' | 'interface'): string => {
    if (![...datapath.bridge.ports.values()].some((p) => p.name === rest[0])) throw new CommandError(`ovs-vsctl: no ${kind} named ${rest[0]}`)
    return `${BRIDGE}\n`
  }
  switch (verb) {
    case 'show': return show(datapath)
    case 'list-br': return `${BRIDGE}\n`
    case 'br-exists':
      if (rest[0] !== BRIDGE) throw new CommandError('', 2)
      return ''
    case 'list-ports':
    case 'list-ifaces':
      needBridge()
      return [...datapath.bridge.ports.values()].map((p) => `${p.name}\n`).sort().join('')
    case 'br-to-vlan':
    case 'br-to-parent':
      needBridge()
      return verb === 'br-to-vlan' ? '0\n' : `${BRIDGE}\n`
    case 'port-to-br': return port('port')
    case 'iface-to-br': return port('interface')
    case 'get-controller':
    case 'get-fail-mode':
    case 'br-get-external-id':
      needBridge()
      return ''
    case 'get': return get(datapath, rest, flags.has('--if-exists'))
    case 'list':
    case 'find': return select(datapath, verb, rest, flags)
    default: return ''
  }
}

function find(datapath: Datapath, table: string, wanted: string): DbRow {
  const row = rowsOf(datapath, table).find((r) => r.name === wanted || r.columns['_uuid'] === wanted || (r.columns['_uuid'] as readonly string[])[0] === wanted)
  if (!row) throw new CommandError(`ovs-vsctl: no row "${wanted}" in table ${table}`)
  return row
}

function get(datapath: Datapath, [tableName, wanted, ...columns]: readonly string[], ifExists: boolean): string {
  const table = tableNamed(tableName!)
  const row = find(datapath, table, wanted!)
  return columns.map((text) => {
    const [given, key] = text.split(/:(.*)/s) as [string, string?]
    const column = columnNamed(table, given, Object.keys(row.columns))
    const value = row.columns[column]!
    if (key === undefined) return `${valueText(value)}\n`
    if (typeof value !== 'object' || isList(value)) throw new CommandError(`ovs-vsctl: cannot specify key to get for non-map column ${column}`)
    const found = own(value, key.replaceAll('"', ''))
    if (found !== undefined) return `${valueText(found)}\n`
    if (ifExists) return '\n'
    throw new CommandError(`ovs-vsctl: no key "${key}" in ${table} record "${wanted}" column ${column}`)
  }).join('')
}

function select(datapath: Datapath, verb: 'list' | 'find', [tableName, ...more]: readonly string[], flags: ReadonlyMap<string, string>): string {
  const table = tableNamed(tableName!)
  const all = rowsOf(datapath, table)
  const names = all[0] ? Object.keys(all[0].columns) : []
  const columns = flags.get('--columns')?.split(/[, ]+/).map((c) => (all.length === 0 ? c : columnNamed(table, c, names)))
  const rows = verb === 'list' ? (more.length === 0 ? all : more.map((name) => find(datapath, table, name))) : all.filter((row) => more.every((condition) => fits(table, row, condition)))
  return listText(rows, columns, flags.has('--bare'))
}

/** COLUMN[:KEY]=VALUE, or != */
function fits(table: string, { columns }: DbRow, condition: string): boolean {
  const [, given, key, operator, wanted] = /^([\w-]+)(?::([^=!<>{]+))?(!?=)(.*)$/s.exec(condition) ?? []
  if (given === undefined) throw notSimulated(`ovs-vsctl find … ${condition}`, 'use COLUMN[:KEY]=VALUE or !=')
  const value = columns[columnNamed(table, given, Object.keys(columns))]!
  const plain = (text: string): string => text.replaceAll('"', '')
  const has = key === undefined ? plain(valueText(value)) : typeof value === 'object' && !isList(value) ? plain(String(own(value, plain(key)) ?? '\0')) : ''
  if (key !== undefined && has === '\0') return false
  return (has === plain(wanted!)) === (operator === '=')
}
