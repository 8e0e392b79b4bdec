import type { Process, Program, Task } from '../../../engine/cluster.ts'
import { RAFT_TERM, VERSION, type EtcdDeleted, type EtcdDeleteRequest, type EtcdMembers, type EtcdRange, type EtcdRangeRequest, type EtcdStatus } from '../../../engine/programs/etcd/server.ts'
import { decodeBase64 } from '../../../engine/kubernetes/base64.ts'
import { concatBytes, encodeUtf8 } from '../../../engine/text.ts'
import { FlagError, FlagSet, flags } from '../../kubectl/flags.ts'
import { accessOf, unary, type Access } from './client.ts'
import { RESTORE_FLAGS, restore, save, status, took } from './snapshot.ts'
import { BAD_ARGUMENTS, BAD_FEATURE, EtcdError, humanBytes, NotSimulated, table } from './words.ts'

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
const GET_FLAGS = `
  --consistency string=l
  --order string
  --sort-by string
  --limit int=0
  --prefix bool
  --from-key bool
  --rev int=0
  --keys-only bool
  --count-only bool
  --print-value-only bool
`
const DEL_FLAGS = `
  --prefix bool
  --from-key bool
  --prev-kv bool
`
type Command = (process: Process, given: FlagSet, names: readonly string[]) => Task<void>
interface Entry { flags?: string; run: Command }

const ETCDCTL: Readonly<Record<string, Entry>> = {
  version: { run: (process) => process.print(`etcdctl version: ${VERSION}\nAPI version: 3.5\n`) },
  'snapshot save': { run: save },
  'snapshot status': { run: deprecated('status', status) },
  'snapshot restore': { flags: RESTORE_FLAGS, run: deprecated('restore', restore) },
  get: { flags: GET_FLAGS, run: get },
  del: { flags: DEL_FLAGS, run: del },
  'endpoint health': { flags: '--cluster bool', run: health },
  'endpoint status': { flags: '--cluster bool', run: endpointStatus },
  'member list': { run: members },
}
const ETCDUTL: Readonly<Record<string, Entry>> = {
  version: { run: (process) => process.print(`etcdutl version: ${VERSION}\nAPI version: 3.5\n`) },
  'snapshot status': { run: status },
  'snapshot restore': { flags: RESTORE_FLAGS, run: restore },
}
/** Their other commands. */
const OTHERS = /^(alarm|auth|check|compaction|completion|defrag|downgrade|elect|endpoint hashkv|hashkv|lease|lock|make-mirror|member|move-leader|put|role|txn|user|watch|backup|migrate)\b/

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
    if (line === '' || line === 'help' || line === 'snapshot' || line === 'endpoint') throw new NotSimulated(`the help of ${name} (it has ${Object.keys(commands).join(', ')})`)
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
  const all = new FlagSet(flags(global, RESTORE_FLAGS, GET_FLAGS, '--cluster bool', '--prev-kv bool'))
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

function* get(process: Process, given: FlagSet, [key = '', end, ...more]: readonly string[]): Task<void> {
  if (given.args.length < 2) throw new EtcdError('get command needs one argument as key and an optional argument as range_end', BAD_ARGUMENTS)
  const [prefix, fromKey, keysOnly, countOnly] = ['prefix', 'from-key', 'keys-only', 'count-only'].map((name) => given.bool(name)) as [boolean, boolean, boolean, boolean]
  if (prefix && fromKey) throw new EtcdError(ONE_OF, BAD_ARGUMENTS)
  if (keysOnly && countOnly) throw new EtcdError('`--keys-only` and `--count-only` cannot be set at the same time, choose one', BAD_ARGUMENTS)
  if (!['s', 'l'].includes(given.string('consistency'))) throw new EtcdError(`unknown consistency flag ${JSON.stringify(given.string('consistency'))}`, BAD_FEATURE)
  if (end !== undefined && (prefix || fromKey)) throw new EtcdError(TOO_MANY, BAD_ARGUMENTS)
  for (const name of ['order', 'sort-by', 'rev', 'hex']) if (given.changed(name)) throw new NotSimulated(`etcdctl get --${name} (use it without)`)
  if (more.length > 0) throw new NotSimulated('etcdctl get with more than a key and the end of a range')
  const format = given.string('write-out')
  const request: EtcdRangeRequest = { ...rangeOf(given, key, end), limit: given.int('limit'), keysOnly, countOnly }
  const { header, kvs, count } = yield* unary<EtcdRange>(process, accessOf(process, given), 'KV/Range', request)
  if (format === 'fields' && countOnly) return yield* process.print(`"ClusterID" : ${BigInt(`0x${header.clusterId}`)}\n"MemberID" : ${BigInt(`0x${header.memberId}`)}\n"Revision" : ${header.revision}\n"RaftTerm" : ${RAFT_TERM}\n"More" : false\n"Count" : ${count}\n`)
  if (format !== 'simple') throw new NotSimulated(`etcdctl get -w ${format} (-w simple, and -w fields with --count-only, are)`)
  if (countOnly) throw new EtcdError('--count-only is only for `--write-out=fields`', BAD_ARGUMENTS)
  yield* printPairs(process, kvs, given.bool('print-value-only'))
}

const ONE_OF = '`--prefix` and `--from-key` cannot be set at the same time, choose one'
const TOO_MANY = 'too many arguments, only accept one argument when `--prefix` or `--from-key` is set'

function* printPairs(process: Process, kvs: EtcdRange['kvs'], valuesOnly = false): Task<void> {
  const newline = encodeUtf8('\n')
  for (const kv of kvs) {
    const value = decodeBase64(kv.value ?? '')
    const parts = [typeof value === 'number' ? new Uint8Array(0) : value, newline]
    yield* process.print(concatBytes(valuesOnly ? parts : [encodeUtf8(`${kv.key}\n`), ...parts]))
  }
}

/** Says how many keys are gone: ctlv3/command/del_command.go. */
function* del(process: Process, given: FlagSet, names: readonly string[]): Task<void> {
  if (names.length === 0 || names.length > 2) throw new EtcdError('del command needs one argument as key and an optional argument as range_end', BAD_ARGUMENTS)
  const [key = '', end] = names
  const [prefix, fromKey] = [given.bool('prefix'), given.bool('from-key')]
  if (prefix && fromKey) throw new EtcdError(ONE_OF, BAD_ARGUMENTS)
  if (end !== undefined && (prefix || fromKey)) throw new EtcdError(TOO_MANY, BAD_ARGUMENTS)
  if (given.string('write-out') !== 'simple' || given.changed('hex')) throw new NotSimulated('etcdctl del -w … or --hex (use it without)')
  if (key === '' && !prefix && !fromKey) throw new EtcdError('etcdserver: key is not provided')
  const request: EtcdDeleteRequest = { ...rangeOf(given, key, end), prevKv: given.bool('prev-kv') }
  const { deleted, prevKvs } = yield* unary<EtcdDeleted>(process, accessOf(process, given), 'KV/DeleteRange', request)
  yield* process.print(`${deleted}\n`)
  yield* printPairs(process, prevKvs)
}

function rangeOf(given: FlagSet, key: string, end: string | undefined): { key: string; end: string | undefined } {
  const [prefix, fromKey] = [given.bool('prefix'), given.bool('from-key')]
  return { key: key === '' ? '\0' : key, end: fromKey || (prefix && key === '') ? '\0' : prefix ? after(key) : end }
}

/** clientv3.GetPrefixRangeEnd: the first key after all that begin so. */
function after(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
}

/** The endpoints given, or with --cluster those of all members. */
function* places(process: Process, given: FlagSet, access: Access): Task<readonly string[]> {
  if (!given.bool('cluster')) return access.endpoints
  return (yield* unary<EtcdMembers>(process, access, 'Cluster/MemberList', {})).members.flatMap((member) => member.clientUrls.split(','))
}

function* health(process: Process, given: FlagSet): Task<void> {
  const access = accessOf(process, given)
  const format = formatOf(given)
  const rows: { endpoint: string; health: boolean; took: string; error?: string }[] = []
  for (const endpoint of yield* places(process, given, access)) {
    const since = process.clock.now
    let error: string | undefined
    try {
      yield* unary<EtcdRange>(process, { ...access, endpoints: [endpoint] }, 'KV/Range', { key: 'health' } satisfies EtcdRangeRequest, 'client')
    } catch (problem) {
      if (!(problem instanceof EtcdError)) throw problem
      error = problem.message
    }
    rows.push({ endpoint, health: error === undefined, took: took(process, since), ...(error === undefined ? {} : { error }) })
  }
  if (format === 'json') yield* process.print(`${JSON.stringify(rows)}\n`)
  else if (format === 'table') yield* process.print(table(['endpoint', 'health', 'took', 'error'], rows.map((row) => [row.endpoint, String(row.health), row.took, row.error ?? '']), true))
  else for (const row of rows) yield* row.health ? process.print(`${row.endpoint} is healthy: successfully committed proposal: took = ${row.took}\n`) : process.printError(`${row.endpoint} is unhealthy: failed to commit proposal: ${row.error!}\n`)
  if (rows.some((row) => !row.health)) throw new EtcdError('unhealthy cluster')
}

function* endpointStatus(process: Process, given: FlagSet): Task<void> {
  const access = accessOf(process, given)
  const format = formatOf(given)
  const rows: string[][] = []
  let failed = false
  for (const endpoint of yield* places(process, given, access)) {
    try {
      const { header, version, dbSize, raftTerm, raftIndex } = yield* unary<EtcdStatus>(process, { ...access, endpoints: [endpoint] }, 'Maintenance/Status', {})
      rows.push([endpoint, header.memberId, version, humanBytes(dbSize), 'true', 'false', String(raftTerm), String(raftIndex), String(raftIndex), ''])
    } catch (problem) {
      if (!(problem instanceof EtcdError)) throw problem
      failed = true
      yield* process.printError(`Failed to get the status of endpoint ${endpoint} (${problem.message})\n`)
    }
  }
  if (format === 'json') throw new NotSimulated('etcdctl endpoint status -w json (use -w table)')
  const head = ['endpoint', 'ID', 'version', 'db size', 'is leader', 'is learner', 'raft term', 'raft index', 'raft applied index', 'errors']
  yield* process.print(format === 'table' ? table(head, rows, true) : rows.map((row) => `${row.join(', ')}\n`).join(''))
  if (failed) throw new EtcdError('context deadline exceeded')
}

function* members(process: Process, given: FlagSet): Task<void> {
  const format = formatOf(given)
  const { header, members: all } = yield* unary<EtcdMembers>(process, accessOf(process, given), 'Cluster/MemberList', {})
  const rows = all.map(({ id, name, peerUrls, clientUrls }) => [id, 'started', name, peerUrls, clientUrls, 'false'])
  // numbers of 64 bits: JSON.stringify has none
  const json = `{"header":{"cluster_id":${BigInt(`0x${header.clusterId}`)},"member_id":${BigInt(`0x${header.memberId}`)},"raft_term":${RAFT_TERM}},"members":[${all.map(({ id, name, peerUrls, clientUrls }) => `{"ID":${BigInt(`0x${id}`)},"name":${JSON.stringify(name)},"peerURLs":${JSON.stringify(peerUrls.split(','))},"clientURLs":${JSON.stringify(clientUrls.split(','))}}`).join(',')}]}\n`
  yield* process.print(format === 'json' ? json : format === 'table' ? table(['ID', 'Status', 'Name', 'Peer Addrs', 'Client Addrs', 'Is Learner'], rows, true) : rows.map((row) => `${row.join(', ')}\n`).join(''))
}

function formatOf(given: FlagSet): string {
  const format = given.string('write-out')
  if (format === 'fields' || format === 'protobuf') throw new NotSimulated(`-w ${format} (use -w simple, table or json)`)
  if (!['simple', 'table', 'json'].includes(format)) throw new EtcdError('unsupported output format', BAD_FEATURE)
  return format
}
