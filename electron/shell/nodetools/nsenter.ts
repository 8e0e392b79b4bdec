import { capable, isSystemError, networkInode, type Inside, type Machine, type NetworkNamespace, type Process, type ProcessEntry, type Task } from '../../engine/cluster.ts'
import { byName } from '../../engine/own.ts'
import { runOn } from './run-on.ts'

/** nsenter(1) and lsns(8), util-linux 2.38.1. */

const LETTERS: Readonly<Record<string, string>> = byName({ m: 'mount', u: 'uts', i: 'ipc', n: 'net', p: 'pid', C: 'cgroup', U: 'user', T: 'time' })
const FILES: Readonly<Record<string, string>> = { mount: 'mnt', uts: 'uts', ipc: 'ipc', net: 'net', pid: 'pid', cgroup: 'cgroup', user: 'user', time: 'time' }

class Failure extends Error {
  readonly code: number
  constructor(message: string, code = 1) {
    super(message)
    this.code = code
  }
}

/** What is told instead of entering. */
class Told extends Error {}

const USAGE = `
Usage:
 nsenter [options] [<program> [<argument>...]]

Run a program with namespaces of other processes.

Options:
 -a, --all              enter all namespaces
 -t, --target <pid>     target process to get namespaces from
 -m, --mount[=<file>]   enter mount namespace
 -u, --uts[=<file>]     enter UTS namespace (hostname etc)
 -i, --ipc[=<file>]     enter System V IPC namespace
 -n, --net[=<file>]     enter network namespace
 -p, --pid[=<file>]     enter pid namespace
 -C, --cgroup[=<file>]  enter cgroup namespace
 -U, --user[=<file>]    enter user namespace
 -T, --time[=<file>]    enter time namespace
 -S, --setuid <uid>     set uid in entered namespace
 -G, --setgid <gid>     set gid in entered namespace
     --preserve-credentials do not touch uids or gids
 -r, --root[=<dir>]     set the root directory
 -w, --wd[=<dir>]       set the working directory
 -W. --wdns <dir>       set the working directory in namespace
 -F, --no-fork          do not fork before exec'ing <program>
 -Z, --follow-context   set SELinux context according to --target PID

 -h, --help             display this help
 -V, --version          display version

For more details see nsenter(1).
`

interface Asked { target?: ProcessEntry | undefined; pid?: string; kinds: Map<string, string | undefined>; argv: string[] }

export function* nsenter(process: Process): Task<number> {
  try {
    const asked = parse(process)
    const { machine, inside } = entered(process, asked)
    const shell = process.env.get('SHELL')
    const argv = asked.argv.length > 0 ? asked.argv : [shell && machine.fs.exists(shell) ? shell : '/bin/sh']
    try {
      return yield* runOn(process, machine, { argv, cwd: machine === process.machine ? process.cwd : '/', env: process.env, user: { uid: 0, gid: 0, name: 'root' }, inside })
    } catch (error) {
      if (!isSystemError(error)) throw error
      throw new Failure(`failed to execute ${argv[0]}: ${error.message}`, error.code === 'ENOENT' ? 127 : 126)
    }
  } catch (error) {
    if (error instanceof Told) {
      yield* process.print(error.message)
      return 0
    }
    if (!(error instanceof Failure)) throw error
    yield* process.printError(error.message.startsWith('podhop:') ? `${error.message}\n` : `nsenter: ${error.message}\n`)
    return error.code
  }
}

function parse(process: Process): Asked {
  const words = process.argv.slice(1)
  const asked: Asked = { kinds: new Map(), argv: [] }
  let all = false
  while (words[0]?.startsWith('-') && words[0] !== '-') {
    const word = words.shift()!
    if (word === '--') break
    if (word === '-V' || word === '--version') throw new Told('nsenter from util-linux 2.38.1\n')
    if (word === '-h' || word === '--help') throw new Told(USAGE)
    const [long, value] = word.startsWith('--') ? (word.slice(2).split(/=(.*)/s) as [string, string?]) : [undefined, undefined]
    if (long !== undefined) {
      if (long === 'target') asked.pid = value ?? words.shift() ?? ''
      else if (long === 'all') all = true
      else if (long === 'root' || long === 'wd') throw new Failure(`podhop: not simulated: nsenter --${long} (use --mount, and cd)`, 69)
      // whoever enters is root with its own credentials either way
      else if (long === 'no-fork' || long === 'preserve-credentials') continue
      else if (Object.hasOwn(FILES, long)) asked.kinds.set(long, value)
      else throw new Failure(`unrecognized option '${word}'\nTry 'nsenter --help' for more information.`)
      continue
    }
    for (let i = 1; i < word.length; i++) {
      const letter = word[i]!
      if (letter === 't') {
        asked.pid = word.slice(i + 1) || (words.shift() ?? '')
        break
      }
      if (letter === 'a') all = true
      else if (letter === 'r' || letter === 'w') throw new Failure(`podhop: not simulated: nsenter -${letter} (use -m, and cd)`, 69)
      else if (letter === 'F') continue
      else if (LETTERS[letter]) {
        asked.kinds.set(LETTERS[letter], word.slice(i + 1).startsWith('/') ? word.slice(i + 1) : undefined)
        if (word[i + 1] === '/') break
      } else throw new Failure(`invalid option -- '${letter}'\nTry 'nsenter --help' for more information.`)
    }
  }
  asked.argv = words
  if (asked.pid !== undefined) {
    if (!/^\d+$/.test(asked.pid)) throw new Failure(`failed to parse pid: '${asked.pid}'`)
    asked.target = process.machine.pids.table().get(Number(asked.pid))
  }
  if (all) for (const kind of Object.keys(FILES)) if (kind !== 'user' && !asked.kinds.has(kind)) asked.kinds.set(kind, undefined)
  return asked
}

function entered(process: Process, { target, pid, kinds }: Asked): { machine: Machine; inside: Inside } {
  let network: NetworkNamespace = process.network
  let machine = process.machine
  for (const [kind, file] of kinds) {
    const path = file ?? `/proc/${pid}/ns/${FILES[kind]}`
    if (file === undefined && pid === undefined) throw new Failure(`neither filename nor target pid supplied for ns/${FILES[kind]}`)
    if (file === undefined && !target) throw new Failure(`cannot open ${path}: No such file or directory`)
    if (process.user.uid !== 0) throw new Failure(`cannot open ${path}: Permission denied`)
    if (!capable(process, 'SYS_ADMIN')) throw new Failure(`reassociate to namespace 'ns/${FILES[kind]}' failed: Operation not permitted`)
    if (kind === 'net') network = file === undefined ? target!.network : networkFile(process, file)
    else if (file !== undefined) throw new Failure(`podhop: not simulated: nsenter --${kind}=FILE (use --target)`, 69)
    else if (kind === 'mount') machine = target!.machine
  }
  // with the mounts come the host name and the processes that are seen; alone they would need a machine of their own
  if (!kinds.has('mount') && target && target.machine !== process.machine && kinds.has('uts')) throw new Failure('podhop: not simulated: nsenter --uts without --mount (use both)', 69)
  return { machine, inside: { network, ...(process.capabilities ? { capabilities: process.capabilities } : {}) } }
}

/** /run/netns/NAME, or /proc/PID/ns/net. */
function networkFile(process: Process, file: string): NetworkNamespace {
  const path = process.resolve(file)
  const name = /^\/(?:var\/)?run\/netns\/([^/]+)$/.exec(path)
  const pid = /^\/proc\/(\d+)\/ns\/net$/.exec(path)
  const found = name ? process.machine.netns?.get(name[1]!) : pid ? process.machine.pids.table().get(Number(pid[1]))?.network : undefined
  if (found) return found
  throw new Failure(process.fs.exists(path) ? "reassociate to namespace 'ns/net' failed: Invalid argument" : `cannot open ${file}: No such file or directory`)
}

/** `lsns -t net`: a line a network namespace that has a process, or a name. */
export function* lsns(process: Process): Task<number> {
  const words = process.argv.slice(1)
  const type = words.includes('-t') ? words[words.indexOf('-t') + 1] : words.find((w) => w.startsWith('--type='))?.slice(7)
  if (type !== 'net' || words.some((w) => w.startsWith('-') && !['-t', '-n', '--noheadings'].includes(w) && !w.startsWith('--type='))) {
    yield* process.printError('podhop: not simulated: lsns with these options (use lsns -t net, and ls -l /proc/PID/ns)\n')
    return 69
  }
  const groups = new Map<NetworkNamespace, ProcessEntry[]>()
  for (const entry of [...process.machine.pids.table().values()].sort((a, b) => a.pid - b.pid)) groups.set(entry.network, [...(groups.get(entry.network) ?? []), entry])
  const names = process.machine.netns?.list() ?? []
  const rows = [...groups].map(([network, entries]) => {
    const first = entries[0]!
    const link = [...process.network.links.values()].find((l) => l.peer?.namespace === network && network !== process.network)
    const id = link ? [...new Set([...process.network.links.values()].filter((l) => l.peer && l.peer.namespace !== process.network).sort((a, b) => a.index - b.index).map((l) => l.peer!.namespace))].indexOf(network) : undefined
    const name = names.find((n) => n.network === network)?.name
    return [String(networkInode(network)), 'net', String(entries.length), String(first.pid), first.user.name, id === undefined ? 'unassigned' : String(id), name === undefined ? '' : `/run/netns/${name}`, first.argv.join(' ')]
  }).sort((a, b) => Number(a[0]) - Number(b[0]))
  const head = ['NS', 'TYPE', 'NPROCS', 'PID', 'USER', 'NETNSID', 'NSFS', 'COMMAND']
  const all = words.some((w) => w === '-n' || w === '--noheadings') ? rows : [head, ...rows]
  const right = new Set([0, 2, 3, 5])
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]!.length)))
  yield* process.print(all.map((row) => `${row.map((cell, i) => (i === 7 ? cell : right.has(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join(' ').trimEnd()}\n`).join(''))
  return 0
}
