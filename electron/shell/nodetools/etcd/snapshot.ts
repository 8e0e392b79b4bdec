import { encodeUtf8, sleep, type Process, type Task } from '../../../engine/cluster.ts'
import { DATABASE, decodeDatabase, encodeDatabase, hashProblem, type Member, snapshotOf, statusOf, withoutHash } from '../../../engine/kubernetes/etcd/database.ts'
import { goDuration } from '../../../engine/kubernetes/kubelet/go-duration.ts'
import { clusterIdOf, memberIdOf } from '../../../engine/programs/etcd/services.ts'
import { decodeUtf8 } from '../../../engine/text.ts'
import type { FlagSet } from '../../kubectl/flags.ts'
import { accessOf, call } from './client.ts'
import { BAD_ARGUMENTS, BAD_FEATURE, EtcdError, humanBytes, INTERRUPTED, NotSimulated, table, zapConsole, zapJson } from './words.ts'

/** Flags of snapshot restore. */
export const RESTORE_FLAGS = `
  --data-dir string
  --wal-dir string
  --initial-cluster string=default=http://localhost:2380
  --initial-cluster-token string=etcd-cluster
  --initial-advertise-peer-urls string=http://localhost:2380
  --name string=default
  --skip-hash-check bool
  --initial-memory-map-size int=10737418240
  --bump-revision int=0
  --mark-compacted bool
`

/** client/v3/snapshot: Save. Without --command-timeout it waits for a connection for ever. */
export function* save(process: Process, flags: FlagSet, names: readonly string[]): Task<void> {
  if (names.length !== 1) throw new EtcdError('snapshot save expects one argument', BAD_ARGUMENTS)
  const access = accessOf(process, flags)
  if (access.endpoints.length !== 1) throw new EtcdError(`snapshot must be requested to one selected node, not multiple [${access.endpoints.join(' ')}]`, INTERRUPTED)
  const [name = ''] = names
  const [path, part] = [process.resolve(name), process.resolve(`${name}.part`)]
  const log = (caller: string, msg: string, fields: Readonly<Record<string, unknown>> = {}, logger?: string): Task<void> => process.printError(zapJson(process.clock.wall(), { level: 'info', ...(logger === undefined ? {} : { logger }), caller, msg, ...fields }))
  write(process, part, new Uint8Array(0), (why) => `could not open ${name}.part (open ${name}.part: ${why})`)
  try {
    yield* log('snapshot/v3_snapshot.go:65', 'created temporary db file', { path: `${name}.part` })
    const answer = yield* call(process, access, 'Maintenance/Snapshot', {}, flags.changed('command-timeout') ? access.timeout : undefined)
    if ('last' in answer) throw new EtcdError('context deadline exceeded', INTERRUPTED)
    // the server appends the hash to what it sends
    const bytes = snapshotOf(decodeUtf8(answer.body))
    yield* log('v3@v3.5.21/maintenance.go:212', 'opened snapshot stream; downloading', {}, 'client')
    const [endpoint] = access.endpoints
    yield* log('snapshot/v3_snapshot.go:73', 'fetching snapshot', { endpoint })
    yield sleep(process.clock, 20)
    yield* log('v3@v3.5.21/maintenance.go:220', 'completed snapshot read; closing', {}, 'client')
    yield* log('snapshot/v3_snapshot.go:88', 'fetched snapshot', { endpoint, size: humanBytes(bytes.length), took: 'now' })
    write(process, part, bytes, (why) => `could not write snapshot: write ${name}.part: ${why}`)
    process.fs.rename(part, path)
    yield* log('snapshot/v3_snapshot.go:97', 'saved', { path: name })
  } finally {
    if (process.fs.exists(part)) process.fs.remove(part)
  }
  yield* process.print(`Snapshot saved at ${name}\n`)
}

function write(process: Process, path: string, bytes: Uint8Array, refused: (why: string) => string): void {
  try {
    process.fs.writeFile(path, bytes, 0o600)
  } catch (error) {
    const { code } = error as { code?: string }
    const words: Readonly<Record<string, string>> = { ENOENT: 'no such file or directory', EACCES: 'permission denied', EROFS: 'read-only file system', ENOTDIR: 'not a directory', EISDIR: 'is a directory', ENOSPC: 'no space left on device' }
    const why = words[code ?? '']
    if (why === undefined) throw error
    throw new EtcdError(refused(why), INTERRUPTED)
  }
}

/** etcdutl snapshot status. */
export function* status(process: Process, flags: FlagSet, names: readonly string[]): Task<void> {
  if (names.length !== 1) throw new EtcdError('snapshot status requires exactly one argument', BAD_ARGUMENTS)
  const format = flags.string('write-out')
  const [name = ''] = names
  const bytes = bytesOf(process, name, 'stat')
  const database = decodeDatabase(bytes)
  if (!database) throw new EtcdError(bytes.length === 0 ? 'file size too small 0' : 'invalid database')
  const found = statusOf(bytes, database)
  const row = [found.hash, String(found.revision), String(found.totalKey), humanBytes(found.totalSize)]
  const shown: Readonly<Record<string, () => string>> = {
    simple: () => `${row.join(', ')}\n`,
    table: () => table(['hash', 'revision', 'total keys', 'total size'], [row], true),
    json: () => `${JSON.stringify({ hash: parseInt(found.hash, 16), revision: found.revision, totalKey: found.totalKey, totalSize: found.totalSize })}\n`,
    fields: () => `"Hash" : ${parseInt(found.hash, 16)}\n"Revision" : ${found.revision}\n"Keys" : ${found.totalKey}\n"Size" : ${found.totalSize}\n`,
  }
  if (format === 'protobuf') throw new EtcdError('protobuf not supported as output format', BAD_FEATURE)
  const print = Object.hasOwn(shown, format) ? shown[format] : undefined
  if (!print) throw new EtcdError('unsupported output format', BAD_FEATURE)
  yield* process.print(print())
}

function bytesOf(process: Process, name: string, call: 'stat' | 'open'): Uint8Array {
  const path = process.resolve(name)
  if (!process.fs.exists(path)) throw new EtcdError(`${call} ${name}: no such file or directory`)
  if (process.fs.stat(path).type === 'directory') throw new EtcdError(`read ${name}: is a directory`)
  return process.fs.readFile(path)
}

/** etcdutl/snapshot: Restore, into a data directory that is not there yet. */
export function* restore(process: Process, flags: FlagSet, names: readonly string[]): Task<void> {
  if (names.length !== 1) throw new EtcdError('snapshot restore requires exactly one argument', BAD_ARGUMENTS)
  const bump = flags.int('bump-revision')
  if ((bump > 0) !== flags.bool('mark-compacted')) throw new EtcdError('--mark-compacted required if --revision-bump > 0', BAD_ARGUMENTS)
  if (flags.changed('wal-dir')) throw new NotSimulated('etcdutl snapshot restore --wal-dir (use --data-dir)')
  const { fs, clock } = process
  const [name = ''] = names
  const member: Member = { name: flags.string('name'), peerUrls: flags.string('initial-advertise-peer-urls'), token: flags.string('initial-cluster-token') }
  checkCluster(flags.string('initial-cluster'), member)
  const directory = flags.string('data-dir') || `${member.name}.etcd`
  const at = process.resolve(directory)
  if (fs.exists(at) && (fs.stat(at).type !== 'directory' || fs.readDirectory(at).length > 0)) throw new EtcdError(`data-dir ${JSON.stringify(directory)} not empty or could not be read`)
  const fields = { path: name, 'wal-dir': `${directory}/member/wal`, 'data-dir': directory, 'snap-dir': `${directory}/member/snap`, 'initial-memory-map-size': flags.int('initial-memory-map-size') }
  const log = (caller: string, msg: string, more?: Readonly<Record<string, unknown>>): Task<void> => process.printError(zapConsole(clock.wall(), 'info', caller, msg, more))
  yield* log('snapshot/v3_snapshot.go:265', 'restoring snapshot', fields)
  const bytes = bytesOf(process, name, 'open')
  if (!flags.bool('skip-hash-check')) {
    if (!withoutHash(bytes)) throw new EtcdError('snapshot missing hash but --skip-hash-check=false')
    const wrong = hashProblem(bytes)
    if (wrong !== undefined) throw new EtcdError(wrong)
  }
  const database = decodeDatabase(bytes)
  if (!database) throw new EtcdError('invalid database')
  yield* log('membership/store.go:138', 'Trimming membership information from the backend...')
  if (bump > 0) {
    yield* log('snapshot/v3_snapshot.go:356', 'bumping latest revision', { 'latest-revision': database.revision, 'bump-amount': bump, 'new-latest-revision': database.revision + bump })
    yield* log('snapshot/v3_snapshot.go:373', 'marking revision compacted', { revision: database.revision + bump })
  }
  const peer = memberIdOf(member)
  yield* log('membership/cluster.go:421', 'added member', { 'cluster-id': clusterIdOf(peer), 'local-member-id': '0', 'added-peer-id': peer, 'added-peer-peer-urls': member.peerUrls.split(',') })
  fs.makeDirectory(`${at}/member/snap`, { parents: true, mode: 0o700 })
  fs.makeDirectory(`${at}/member/wal`, { parents: true, mode: 0o700 })
  for (const each of [at, `${at}/member`]) fs.chmod(each, 0o700)
  fs.writeFile(`${at}/${DATABASE}`, encodeUtf8(encodeDatabase({ ...database, revision: database.revision + bump, member })), 0o600)
  fs.writeFile(`${at}/member/wal/0000000000000000-0000000000000000.wal`, '', 0o600)
  yield* log('snapshot/v3_snapshot.go:293', 'restored snapshot', fields)
}

/** ServerConfig.VerifyBootstrap: the member is part of the cluster, by the URLs that it advertises. */
function checkCluster(cluster: string, { name, peerUrls }: Member): void {
  const own = cluster.split(',').filter((each) => each.startsWith(`${name}=`)).map((each) => each.slice(name.length + 1))
  if (own.length === 0) throw new EtcdError(`couldn't find local name ${JSON.stringify(name)} in the initial cluster configuration`)
  const [said, meant] = [own.sort().join(','), peerUrls.split(',').sort().join(',')]
  if (said !== meant) throw new EtcdError(`--initial-cluster has ${own.map((url) => `${name}=${url}`).join(',')} but missing from --initial-advertise-peer-urls=${peerUrls}`)
}

/** How long something took, as Go prints it. */
export function took(process: Process, since: number): string {
  const ms = process.clock.now - since
  return ms < 1 ? `${Math.round(ms * 1000)}µs` : goDuration(ms)
}
