import type { Process, Program, Task } from '../../../engine/cluster.ts'
import { VERSION } from '../../../engine/programs/etcd/services.ts'
import { FlagError, FlagSet, flags } from '../../kubectl/flags.ts'
import { compaction, del, DEL_FLAGS, get, GET_FLAGS, put, PUT_FLAGS } from './keys.ts'
import { alarm, defrag, hashKv, health, memberList, endpointStatus } from './maintenance.ts'
import { RESTORE_FLAGS, restore, save, status } from './snapshot.ts'
import { watch, WATCH_FLAGS } from './watch.ts'
import { Ended, EtcdError, NotSimulated } from './words.ts'

/** etcdctl and etcdutl 3.5.21, of the API's version 3: their flags. */
const GLOBAL = `
  --endpoints slice=127.0.0.1:2379
  --debug bool -
  -w --write-out string=simple
  --hex bool
  --dial-timeout duration=2s
  --command-timeout duration=5s
  --keepalive-time duration=2s
  --keepalive-timeout duration=6s
  --insecure-transport bool=true
  --insecure-discovery bool=true
  --insecure-skip-tls-verify bool
  --cert string
  --key string
  --cacert string
  --user string
  --password string
  -d --discovery-srv string
  --discovery-srv-name string
`
type Command = (process: Process, given: FlagSet, names: readonly string[]) => Task<void>
interface Entry { flags?: string; run: Command }

const ETCDCTL: Readonly<Record<string, Entry>> = {
  version: { run: (process) => process.print(`etcdctl version: ${VERSION}\nAPI version: 3.5\n`) },
  'snapshot save': { run: save },
  'snapshot status': { run: deprecated('status', status) },
  'snapshot restore': { flags: RESTORE_FLAGS, run: deprecated('restore', restore) },
  get: { flags: GET_FLAGS, run: get },
  put: { flags: PUT_FLAGS, run: put },
  del: { flags: DEL_FLAGS, run: del },
  watch: { flags: WATCH_FLAGS, run: watch },
  compaction: { flags: '--physical bool', run: compaction },
  'endpoint health': { flags: '--cluster bool', run: health },
  'endpoint status': { flags: '--cluster bool', run: endpointStatus },
  'endpoint hashkv': { flags: '--cluster bool\n--rev int=0', run: hashKv },
  'member list': { run: memberList },
  'alarm list': { run: alarm('list') },
  'alarm disarm': { run: alarm('disarm') },
  defrag: { flags: '--cluster bool\n--data-dir string', run: defrag },
}
const ETCDUTL: Readonly<Record<string, Entry>> = {
  version: { run: (process) => process.print(`etcdutl version: ${VERSION}\nAPI version: 3.5\n`) },
  'snapshot status': { run: status },
  'snapshot restore': { flags: RESTORE_FLAGS, run: restore },
}
/** Their other commands. */
const OTHERS = /^(alarm|auth|check|completion|defrag|downgrade|elect|hashkv|lease|lock|make-mirror|member|move-leader|role|txn|user|backup|migrate)\b/

function deprecated(verb: string, run: Command): Command {
  return function* (process, given, names) {
    yield* process.printError(`Deprecated: Use \`etcdutl snapshot ${verb}\` instead.\n\n`)
    yield* run(process, given, names)
  }
}

export const etcdctl = program('etcdctl', ETCDCTL, GLOBAL)
export const etcdutl = program('etcdutl', ETCDUTL, '-w --write-out string=simple')

function program(name: string, commands: Readonly<Record<string, Entry>>, global: string): Program {
  return function* (process) {
    try {
      const api = process.env.get('ETCDCTL_API') ?? ''
      if (name === 'etcdctl' && api === '2') throw new NotSimulated('etcdctl with ETCDCTL_API=2 (use version 3)')
      if (name === 'etcdctl' && api !== '' && api !== '3') {
        yield* process.printError(`unsupported API version: ${api}\n`)
        return 1
      }
      yield* run(process, name, commands, global)
      return 0
    } catch (error) {
      if (error instanceof NotSimulated) {
        yield* process.printError(`podhop: not simulated: ${error.message}\n`)
        return 69
      }
      if (error instanceof Ended) return 1
      if (!(error instanceof EtcdError || error instanceof FlagError)) throw error
      yield* process.printError(`Error: ${error.message}\n`)
      return error instanceof EtcdError ? error.code : 1
    }
  }
}

function* run(process: Process, name: string, commands: Readonly<Record<string, Entry>>, global: string): Task<void> {
  const words = process.argv.slice(1)
  const found = commandIn(words, commands, global)
  if (!found) {
    const line = words.filter((word) => !word.startsWith('-')).join(' ')
    if (line === '' || line === 'help' || line === 'snapshot' || line === 'endpoint' || line === 'alarm') throw new NotSimulated(`the help of ${name} (it has ${Object.keys(commands).join(', ')})`)
    if (OTHERS.test(line)) throw new NotSimulated(`${name} ${line.split(' ')[0]!} (${name} has ${Object.keys(commands).join(', ')}; objects: kubectl)`)
    throw new EtcdError(`unknown command ${JSON.stringify(words.find((word) => !word.startsWith('-')) ?? '')} for ${JSON.stringify(name)}`)
  }
  const given = new FlagSet(flags(global, found.entry.flags ?? ''))
  if (given.parse([...(name === 'etcdctl' ? fromEnvironment(process, words) : []), ...words])) throw new NotSimulated(`the help of ${name} (it has ${Object.keys(commands).join(', ')})`)
  if (given.has('user') && (given.string('user') !== '' || given.string('discovery-srv') !== '')) throw new NotSimulated('etcdctl with --user or --discovery-srv (use --cert and --key)')
  if (given.has('debug') && given.bool('debug')) throw new NotSimulated(`${name} --debug (use it without)`)
  yield* found.entry.run(process, given, given.args.slice(found.length))
}

/** cobra's way to a command: its words come first among the arguments; a beginning of them is enough where it is the only one. */
function commandIn(words: readonly string[], commands: Readonly<Record<string, Entry>>, global: string): { entry: Entry; length: number } | undefined {
  const all = new FlagSet(flags(global, ...Object.values(commands).map((command) => command.flags ?? '')))
  all.parse(words)
  const matches = Object.entries(commands).filter(([line]) => line.split(' ').every((word, i) => all.args[i] !== undefined && all.args[i] !== '' && word.startsWith(all.args[i]!)))
  const exact = matches.find(([line]) => line.split(' ').every((word, i) => word === all.args[i]))
  const [line, entry] = exact ?? (matches.length === 1 ? matches[0]! : [])
  return entry && { entry, length: line!.split(' ').length }
}

/** pkg/flags SetPflagsFromEnv: ETCDCTL_CACERT is --cacert, for who does not give the flag. */
function fromEnvironment(process: Process, words: readonly string[]): string[] {
  return flags(GLOBAL).flatMap(({ name, short }) => {
    const value = process.env.get(`ETCDCTL_${name.replaceAll('-', '_').toUpperCase()}`)
    const said = words.some((word) => word === `--${name}` || word.startsWith(`--${name}=`) || (short !== undefined && new RegExp(`^-${short}`).test(word)))
    return value === undefined || value === '' || said ? [] : [`--${name}=${value}`]
  })
}

