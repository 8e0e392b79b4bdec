import { capable, isSystemError, SystemError, type Bridge, type Process, type Task } from '../../engine/cluster.ts'

/** Commands, how many words follow, and their help. */
const COMMANDS: Readonly<Record<string, [words: number, usage: string]>> = {
  addbr: [1, '<bridge>\t\tadd bridge'],
  delbr: [1, '<bridge>\t\tdelete bridge'],
  addif: [2, '<bridge> <device>\tadd interface to bridge'],
  delif: [2, '<bridge> <device>\tdelete interface from bridge'],
  hairpin: [3, '<bridge> <port> {on|off}\tturn hairpin on/off'],
  show: [0, '[ <bridge> ]\t\tshow a list of bridges'],
  showmacs: [1, '<bridge>\t\tshow a list of mac addrs'],
}
const HELP = `Usage: brctl [commands]\ncommands:\n${Object.entries(COMMANDS).map(([name, [, text]]) => `\t${name.padEnd(9)}\t${text}\n`).join('')}`
const OTHERS = new Set(['setageing', 'setbridgeprio', 'setfd', 'sethello', 'setmaxage', 'setpathcost', 'setportprio', 'showstp', 'stp'])

/** brctl(8), bridge-utils 1.7. */
export const brctl = (process: Process): Task<number> => run(process, false)
export const busyboxBrctl = (process: Process): Task<number> => run(process, true)

class Refusal extends Error {}

function* run(process: Process, busybox: boolean): Task<number> {
  const [verb, ...words] = process.argv.slice(1)
  if (verb === undefined) {
    if (busybox) yield* process.printError('BusyBox v1.36.1 () multi-call binary.\n\nUsage: brctl COMMAND [BRIDGE [ARGS]]\n')
    else yield* process.print(HELP)
    return 1
  }
  if (OTHERS.has(verb)) {
    yield* process.printError(`podhop: not simulated: brctl ${verb} (bridges here have no spanning tree; use ip link and bridge)\n`)
    return 69
  }
  const command = Object.hasOwn(COMMANDS, verb) ? COMMANDS[verb] : undefined
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
    yield* process.print(perform(process, verb, words))
    return 0
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    yield* process.printError(error.message)
    return 1
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
    case 'addbr':
      if (link) throw new Refusal(`device ${name} already exists; can't create bridge with the same name\n`)
      return attempt('add bridge failed', () => void network.createLink(name, { kind: 'bridge' }))
    case 'delbr':
      if (!bridge) throw new Refusal(`bridge ${name} doesn't exist; can't delete it\n`)
      if (bridge.up) throw new Refusal(`bridge ${name} is still up; can't delete it\n`)
      return attempt(`can't delete bridge ${name}`, () => network.removeLink(name))
  }
  if (!bridge) throw new Refusal(`bridge ${name} does not exist!\n`)
  const device = network.links.get(port)
  if (!device) throw new Refusal(`interface ${port} does not exist!\n`)
  if (verb === 'addif') {
    if (device.master) throw new Refusal(`device ${port} is already a member of a bridge; can't add it to bridge ${name}.\n`)
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
