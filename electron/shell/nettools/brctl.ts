import { capable, isSystemError, SystemError, type Bridge, type Process, type Task } from '../../engine/cluster.ts'

/** Commands, how many words follow, and their help. */
const COMMANDS: ReadonlyMap<string, readonly [words: number, usage: string]> = new Map([
  ['addbr', [1, '<bridge>\t\tadd bridge']], ['delbr', [1, '<bridge>\t\tdelete bridge']], ['addif', [2, '<bridge> <device>\tadd interface to bridge']], ['delif', [2, '<bridge> <device>\tdelete interface from bridge']],
  ['hairpin', [3, '<bridge> <port> {on|off}\tturn hairpin on/off']], ['setageing', [2, '<bridge> <time>\t\tset ageing time']], ['setbridgeprio', [2, '<bridge> <prio>\t\tset bridge priority']], ['setfd', [2, '<bridge> <time>\t\tset bridge forward delay']],
  ['sethello', [2, '<bridge> <time>\t\tset hello time']], ['setmaxage', [2, '<bridge> <time>\t\tset max message age']], ['setpathcost', [3, '<bridge> <port> <cost>\tset path cost']], ['setportprio', [3, '<bridge> <port> <prio>\tset port priority']],
  ['show', [0, '[ <bridge> ]\t\tshow a list of bridges']], ['showmacs', [1, '<bridge>\t\tshow a list of mac addrs']], ['showstp', [1, '<bridge>\t\tshow bridge stp info']], ['stp', [2, '<bridge> {on|off}\tturn stp on/off']],
])
const HELP = `Usage: brctl [commands]\ncommands:\n${[...COMMANDS].map(([name, [, text]]) => `\t${name.padEnd(10)}\t${text}\n`).join('')}`
/** What their value is, where a bad one is told. */
const TIMES: Readonly<Record<string, string>> = { setageing: 'ageing time', setfd: 'forward delay', sethello: 'hello time', setmaxage: 'max age' }

/** brctl(8), bridge-utils 1.7. */
export const brctl = (process: Process): Task<number> => run(process, false)
export const busyboxBrctl = (process: Process): Task<number> => run(process, true)

class Refusal extends Error {}

function* run(process: Process, busybox: boolean): Task<number> {
  const [verb, ...words] = process.argv.slice(1)
  if (verb === undefined) {
    if (busybox) yield* process.printError('BusyBox v1.37.0 (2024-09-26 21:31:42 UTC) multi-call binary.\n\nUsage: brctl COMMAND [BRIDGE [ARGS]]\n')
    else yield* process.print(HELP)
    return 1
  }
  if (!busybox && ['-h', '--help', '-V', '--version'].includes(verb)) {
    yield* process.print(verb === '-h' || verb === '--help' ? HELP : 'bridge-utils, 1.7\n')
    return 0
  }
  const command = COMMANDS.get(verb)
  if (!command) {
    yield* process.printError(busybox ? `brctl: invalid argument '${verb}' to 'brctl'\n` : `never heard of command [${verb}]\n`)
    if (!busybox) yield* process.print(HELP)
    return 1
  }
  if (words.length < command[0]) {
    yield* process.print(`Incorrect number of arguments for command\nUsage: brctl ${verb} ${command[1]}\n`)
    return 1
  }
  try {
    if (verb === 'show' && words.length > 1) for (const name of words) yield* process.print(perform(process, verb, [name]).replace(/^bridge name.*\n/, (head) => (name === words[0] ? head : '')))
    else yield* process.print(perform(process, verb, words))
    return 0
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    yield* process.printError(error.message)
    return error.message.startsWith('podhop:') ? 69 : 1
  }
}

function perform(process: Process, verb: string, [name = '', port = '', word = '']: readonly string[]): string {
  const { network } = process
  const link = network.links.get(name)
  const bridge = link?.kind === 'bridge' ? (link as Bridge) : undefined
  const bridges = [...network.links.values()].filter((l): l is Bridge => l.kind === 'bridge').sort((a, b) => (a.name < b.name ? -1 : 1))
  const attempt = (what: string, work: () => void): string => {
    try {
      if (!capable(process, 'NET_ADMIN')) throw new SystemError('EPERM')
      work()
      return ''
    } catch (error) {
      if (!isSystemError(error)) throw error
      throw new Refusal(`${what}: ${error.message}\n`)
    }
  }
  switch (verb) {
    case 'show': {
      const shown = name === '' ? bridges : bridges.filter((b) => b.name === name)
      if (name !== '' && !link) throw new Refusal(`bridge ${name} does not exist!\n`)
      if (name !== '' && !bridge) throw new Refusal(`device ${name} is not a bridge!\n`)
      return shown.length === 0 ? '' : `bridge name\tbridge id\t\tSTP enabled\tinterfaces\n${shown.map(row).join('')}`
    }
    case 'showmacs': {
      if (!bridge) throw new Refusal(`read of forward table failed: ${link ? 'Operation not supported' : 'No such device'}\n`)
      return macs(bridge)
    }
    case 'setageing': case 'setfd': case 'sethello': case 'setmaxage': case 'setbridgeprio': {
      const what = TIMES[verb]
      if (what !== undefined && !/^\d/.test(port)) throw new Refusal(`bad ${what} value\n`)
      if (!bridge) throw new Refusal(`set ${what ?? 'bridge priority'} failed: ${link ? 'Operation not supported' : 'No such device'}\n`)
      throw new Refusal(`podhop: not simulated: brctl ${verb} (bridges here have no spanning tree; use ip link and bridge)\n`)
    }
    case 'setpathcost': case 'setportprio': case 'showstp': {
      if (!bridge && verb === 'showstp') throw new Refusal(`bridge ${name} does not exist!\n`)
      throw new Refusal(`podhop: not simulated: brctl ${verb} (bridges here have no spanning tree; use ip link and bridge)\n`)
    }
    case 'stp': {
      const on = ['on', 'yes', '1'].includes(port)
      if (!on && !['off', 'no', '0'].includes(port)) throw new Refusal('expect on/off for argument\n')
      if (!bridge) throw new Refusal(`set stp status failed: ${link ? 'Operation not supported' : 'No such device'}\n`)
      if (on) throw new Refusal('podhop: not simulated: brctl stp on (bridges here have no spanning tree)\n')
      return ''
    }
    case 'addbr':
      if (link) throw new Refusal(`device ${name} already exists; can't create bridge with the same name\n`)
      // the kernel takes what fits into a name (IFNAMSIZ)
      return attempt('add bridge failed', () => void network.createLink(name.slice(0, 15), { kind: 'bridge' }))
    case 'delbr':
      if (link && !bridge) throw new Refusal(`can't delete bridge ${name}: Operation not permitted\n`)
      if (!bridge) throw new Refusal(`bridge ${name} doesn't exist; can't delete it\n`)
      if (bridge.up) throw new Refusal(`bridge ${name} is still up; can't delete it\n`)
      return attempt(`can't delete bridge ${name}`, () => network.removeLink(name))
  }
  if (!bridge) throw new Refusal(`bridge ${name} does not exist!\n`)
  const device = network.links.get(port)
  if (!device) throw new Refusal(`interface ${port} does not exist!\n`)
  if (verb === 'addif') {
    if (device.master) throw new Refusal(`device ${port} is already a member of a bridge; can't add it to bridge ${name}.\n`)
    if (device.kind === 'bridge') throw new Refusal(`device ${port} is a bridge device itself; can't add a bridge device to a bridge device.\n`)
    if (device.kind === 'loopback') throw new Refusal(`can't add ${port} to bridge ${name}: Invalid argument\n`)
    return attempt(`can't add ${port} to bridge ${name}`, () => bridge.attach(device))
  }
  if (device.master !== bridge) throw new Refusal(`device ${port} is not a port of ${name}\n`)
  if (verb === 'delif') return attempt(`can't delete ${port} from ${name}`, () => bridge.detach(device))
  if (word !== 'on' && word !== 'off' && word !== 'yes' && word !== 'no') throw new Refusal('expect on/off for argument\n')
  return attempt(`can't set ${port} to hairpin on bridge ${name}`, () => bridge.hairpin(device, word === 'on' || word === 'yes'))
}

function row(bridge: Bridge): string {
  const ports = bridge.ports.map((p) => p.name).sort()
  const rest = ports.slice(1).map((p) => `\t\t\t\t\t\t\t${p}\n`).join('')
  return `${bridge.name}\t\t8000.${ports.length === 0 ? '0'.repeat(12) : bridge.mac.replaceAll(':', '')}\tno\t\t${ports[0] ?? ''}\n${rest}`
}

function macs(bridge: Bridge): string {
  const { now } = bridge.namespace.clock
  const rows = bridge.forwarding().filter((e) => e.port !== bridge.name).sort((a, b) => (a.mac < b.mac ? -1 : 1))
  const number = (port: string): number => bridge.ports.findIndex((p) => p.name === port) + 1
  const age = (ms: number): string => `${String(Math.floor(ms / 1000)).padStart(4)}.${String(Math.floor((ms % 1000) / 10)).padStart(2, '0')}`
  return `port no\tmac addr\t\tis local?\tageing timer\n${rows.map((e) => `${String(number(e.port)).padStart(3)}\t${e.mac}\t${e.isLocal ? 'yes' : 'no'}\t\t${age(e.isLocal ? 0 : now - e.updatedAt)}\n`).join('')}`
}
