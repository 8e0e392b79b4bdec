import type { Process, Task } from '../../../engine/cluster.ts'
import type { EtcdHash, EtcdHeader, EtcdMembers, EtcdRange, EtcdRangeRequest, EtcdStatus } from '../../../engine/programs/etcd/services.ts'
import { quote } from '../../../engine/kubernetes/json.ts'
import type { FlagSet } from '../../kubectl/flags.ts'
import { accessOf, unary, type Access } from './client.ts'
import { decimal, formatOf, headerFields, headerJson, listJson } from './print.ts'
import { took } from './snapshot.ts'
import { BAD_ARGUMENTS, Ended, EtcdError, humanBytes, NotSimulated, table } from './words.ts'

/** The endpoints given, or with --cluster those of all members. */
function* places(process: Process, given: FlagSet, access: Access): Task<readonly string[]> {
  if (!given.bool('cluster')) return access.endpoints
  return (yield* unary<EtcdMembers>(process, access, 'Cluster/MemberList', {})).members.flatMap((member) => member.clientUrls.split(','))
}

export function* health(process: Process, given: FlagSet): Task<void> {
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
  else if (format === 'fields') yield* process.print(rows.map((row) => `"Endpoint" : ${quote(row.endpoint)}\n"Health" : ${row.health}\n"Took" : ${row.took}\n"Error" : ${row.error ?? ''}\n\n`).join(''))
  else for (const row of rows) yield* row.health ? process.print(`${row.endpoint} is healthy: successfully committed proposal: took = ${row.took}\n`) : process.printError(`${row.endpoint} is unhealthy: failed to commit proposal: ${row.error!}\n`)
  if (rows.some((row) => !row.health)) throw new EtcdError('unhealthy cluster')
}

export function* endpointStatus(process: Process, given: FlagSet): Task<void> {
  const format = formatOf(given)
  const found = yield* askEach<EtcdStatus>(process, given, 'Maintenance/Status', {}, 'status')
  if (format === 'json') {
    const shown = found.map(([endpoint, { header, version, dbSize, raftTerm, raftIndex }]) =>
      `{"Endpoint":${quote(endpoint)},"Status":{"header":${headerJson(header)},"version":${quote(version)},"dbSize":${dbSize},"leader":${decimal(header.memberId)},"raftIndex":${raftIndex},"raftTerm":${raftTerm},"raftAppliedIndex":${raftIndex},"dbSizeInUse":${dbSize}}}`)
    yield* process.print(`[${shown.join(',')}]\n`)
  } else if (format === 'fields') {
    yield* process.print(found.map(([endpoint, { header, version, dbSize, raftTerm, raftIndex }]) =>
      `${headerFields(header)}"Version" : ${quote(version)}\n"DBSize" : ${dbSize}\n"Leader" : ${decimal(header.memberId)}\n"IsLearner" : false\n"RaftIndex" : ${raftIndex}\n"RaftTerm" : ${raftTerm}\n"RaftAppliedIndex" : ${raftIndex}\n"Errors" : []\n"Endpoint" : ${quote(endpoint)}\n\n`).join(''))
  } else {
    const head = ['endpoint', 'ID', 'version', 'db size', 'is leader', 'is learner', 'raft term', 'raft index', 'raft applied index', 'errors']
    const rows = found.map(([endpoint, { header, version, dbSize, raftTerm, raftIndex }]) => [endpoint, header.memberId, version, humanBytes(dbSize), 'true', 'false', String(raftTerm), String(raftIndex), String(raftIndex), ''])
    yield* printRows(process, format === 'table', head, rows)
  }
  if (found.failed) throw new Ended()
}

export function* hashKv(process: Process, given: FlagSet): Task<void> {
  const format = formatOf(given)
  const found = yield* askEach<EtcdHash>(process, given, 'Maintenance/HashKV', { revision: Math.max(0, given.int('rev')) }, 'hash')
  if (format === 'json') {
    const shown = found.map(([endpoint, { header, hash, compactRevision }]) => `{"Endpoint":${quote(endpoint)},"HashKV":{"header":${headerJson(header)},"hash":${hash}${compactRevision > 0 ? `,"compact_revision":${compactRevision}` : ''}}}`)
    yield* process.print(`[${shown.join(',')}]\n`)
  } else if (format === 'fields') yield* process.print(found.map(([endpoint, { header, hash }]) => `${headerFields(header)}"Endpoint" : ${quote(endpoint)}\n"Hash" : ${hash}\n\n`).join(''))
  else yield* printRows(process, format === 'table', ['endpoint', 'hash'], found.map(([endpoint, { hash }]) => [endpoint, String(hash)]))
  if (found.failed) throw new EtcdError(found.failed)
}

/** Each endpoint's answer; who does not answer is told of, and the last one's reason kept. */
function* askEach<T>(process: Process, given: FlagSet, method: string, request: unknown, what: string): Task<[endpoint: string, answer: T][] & { failed?: string }> {
  const access = accessOf(process, given)
  const found: [endpoint: string, answer: T][] & { failed?: string } = []
  for (const endpoint of yield* places(process, given, access)) {
    try {
      found.push([endpoint, yield* unary<T>(process, { ...access, endpoints: [endpoint] }, method, request)])
    } catch (problem) {
      if (!(problem instanceof EtcdError)) throw problem
      found.failed = problem.message
      yield* process.printError(`Failed to get the ${what} of endpoint ${endpoint} (${problem.message})\n`)
    }
  }
  return found
}

export function* memberList(process: Process, given: FlagSet): Task<void> {
  const format = formatOf(given)
  const { header, members } = yield* unary<EtcdMembers>(process, accessOf(process, given), 'Cluster/MemberList', {})
  // who lists members is not told of a revision
  const said = { ...header, revision: 0 }
  if (format === 'json') {
    const shown = members.map(({ id, name, peerUrls, clientUrls }) => `{"ID":${decimal(id)},"name":${quote(name)},"peerURLs":${JSON.stringify(peerUrls.split(','))},"clientURLs":${JSON.stringify(clientUrls.split(','))}}`)
    return yield* process.print(`{"header":${headerJson(said)}${listJson('members', shown)}}\n`)
  }
  if (format === 'fields') {
    const urls = (name: string, list: string): string => list.split(',').map((url) => `"${name}" : ${quote(url)}\n`).join('')
    return yield* process.print(headerFields(said) + members.map(({ id, name, peerUrls, clientUrls }) => `"ID" : ${decimal(id)}\n"Name" : ${quote(name)}\n${urls('PeerURL', peerUrls)}${urls('ClientURL', clientUrls)}"IsLearner" : false\n\n`).join(''))
  }
  yield* printRows(process, format === 'table', ['ID', 'Status', 'Name', 'Peer Addrs', 'Client Addrs', 'Is Learner'], members.map(({ id, name, peerUrls, clientUrls }) => [id, 'started', name, peerUrls, clientUrls, 'false']))
}

/** ctlv3/command/alarm_command.go: there is none, for nothing here fills a disk or spoils it. */
export function alarm(what: 'list' | 'disarm') {
  return function* (process: Process, given: FlagSet, names: readonly string[]): Task<void> {
    if (names.length > 0) throw new EtcdError(`alarm ${what} command accepts no arguments`, BAD_ARGUMENTS)
    const format = formatOf(given, false)
    const { header } = yield* unary<{ header: EtcdHeader }>(process, accessOf(process, given), 'Maintenance/Alarm', {})
    if (format !== 'simple') yield* process.print(format === 'json' ? `{"header":${headerJson(header)}}\n` : headerFields(header))
  }
}

export function* defrag(process: Process, given: FlagSet): Task<void> {
  if (given.string('data-dir') !== '') throw new NotSimulated('etcdctl defrag --data-dir (use it without, while etcd runs)')
  const access = accessOf(process, given)
  let failed = false
  for (const endpoint of yield* places(process, given, access)) {
    try {
      yield* unary(process, { ...access, endpoints: [endpoint] }, 'Maintenance/Defragment', {})
      yield* process.print(`Finished defragmenting etcd member[${endpoint}]\n`)
    } catch (problem) {
      if (!(problem instanceof EtcdError)) throw problem
      failed = true
      yield* process.printError(`Failed to defragment etcd member[${endpoint}] (${problem.message})\n`)
    }
  }
  if (failed) throw new Ended()
}

function* printRows(process: Process, asTable: boolean, head: readonly string[], rows: readonly (readonly string[])[]): Task<void> {
  yield* process.print(asTable ? table(head, rows, true) : rows.map((row) => `${row.join(', ')}\n`).join(''))
}
