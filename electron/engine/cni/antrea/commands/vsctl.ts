import { byName, own } from '../../../own.ts'
import { hex, sha256 } from '../../../sha256.ts'
import { encodeUtf8 } from '../../../text.ts'
import type { Datapath } from '../datapath.ts'
import { BRIDGE } from '../datapath.ts'
import { CommandError, notSimulated, takeFlags, type Command } from './command.ts'

/** ovs-vsctl(8): the database of Open vSwitch, read. */
export const OVS_VERSION = '3.5.0'

/** The same thing has the same UUID. */
export function uuid(text: string): string {
  const digits = hex(sha256(encodeUtf8(text)))
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-8${digits.slice(17, 20)}-${digits.slice(20, 32)}`
}

/** Strings that look like identifiers stand without quotes. */
function quoted(text: string): string {
  return /^[A-Za-z_][\w.-]*$/.test(text) ? text : JSON.stringify(text)
}

function show({ bridge, context }: Datapath): string {
  let out = `${uuid(`open vswitch ${context.name}`)}\n    Bridge ${BRIDGE}\n        datapath_type: system\n`
  for (const { name, type } of [...bridge.ports.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    out += `        Port ${quoted(name)}\n            Interface ${quoted(name)}\n`
    if (type !== 'system') out += `                type: ${type}\n`
    if (type === 'geneve' || type === 'vxlan') out += '                options: {key=flow, remote_ip=flow}\n'
  }
  return `${out}    ovs_version: "${OVS_VERSION}"\n`
}

export const vsctl: Command = ({ datapath }, args) => {
  const { words: [verb, ...rest] } = takeFlags(args, { '--no-wait': 'flag', '--if-exists': 'flag', '--columns': 'value', '-t': 'value', '--timeout': 'value' }, 'ovs-vsctl')
  const { bridge } = datapath
  const needBridge = (name: string | undefined): void => {
    if (name === undefined) throw new CommandError(`ovs-vsctl: '${verb}' command requires at least 1 arguments`)
    if (name !== BRIDGE) throw new CommandError(`ovs-vsctl: no bridge named ${name}`)
  }
  const names = (): string => [...bridge.ports.values()].map((p) => `${p.name}\n`).sort().join('')
  const port = (name: string | undefined) => {
    const found = [...bridge.ports.values()].find((p) => p.name === name)
    if (!found) throw new CommandError(`ovs-vsctl: no ${verb === 'get' ? 'row' : 'port'} ${verb === 'get' ? `"${name}" in table Interface` : `named ${name}`}`)
    return found
  }
  switch (verb) {
    case undefined: throw new CommandError('ovs-vsctl: missing command name (use --help for help)')
    case 'show': return show(datapath)
    case 'list-br': return `${BRIDGE}\n`
    case 'br-exists':
      if (rest[0] !== BRIDGE) throw new CommandError('', 2)
      return ''
    case 'list-ports':
    case 'list-ifaces':
      needBridge(rest[0])
      return names()
    case 'port-to-br':
    case 'iface-to-br':
      port(rest[0])
      return `${BRIDGE}\n`
    case 'get': {
      const [table, row, ...columns] = rest
      if (!/^interface$/i.test(table ?? '')) throw notSimulated(`ovs-vsctl get ${table ?? ''}`, 'use ovs-vsctl get Interface NAME COLUMN')
      const found = port(row)
      const ids = `{${Object.entries(found.externalIds).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${quoted(k)}=${quoted(v)}`).join(', ')}}`
      const values: Record<string, string> = byName({
        ofport: String(found.number), name: quoted(found.name), type: found.type === 'system' ? '""' : found.type, external_ids: ids, mac_in_use: JSON.stringify(found.link.mac), mtu: String(found.link.mtu),
        admin_state: found.link.up ? 'up' : 'down', link_state: found.link.carrier ? 'up' : 'down', _uuid: uuid(`port ${datapath.context.name} ${found.name}`),
      })
      return columns.map((column) => {
        const [name, key] = column.split(':') as [string, string | undefined]
        const value = values[name]
        if (value === undefined) throw notSimulated(`ovs-vsctl get Interface ${name}`, `use ${Object.keys(values).join(', ')}`)
        if (key === undefined) return `${value}\n`
        const id = own(found.externalIds, key)
        if (id === undefined) throw new CommandError(`ovs-vsctl: no key ${key} in Interface record "${row}" column ${name}`)
        return `${quoted(id)}\n`
      }).join('')
    }
    default: throw notSimulated(`ovs-vsctl ${verb}`, 'use show, list-br, list-ports, list-ifaces, port-to-br, br-exists or get')
  }
}
