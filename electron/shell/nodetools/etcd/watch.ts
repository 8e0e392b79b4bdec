import { sleep, type Process, type Task } from '../../../engine/cluster.ts'
import type { EtcdEvent, EtcdWatched, EtcdWatchRequest } from '../../../engine/programs/etcd/services.ts'
import { quote } from '../../../engine/kubernetes/json.ts'
import type { FlagSet } from '../../kubectl/flags.ts'
import { accessOf, stream } from './client.ts'
import { rangeOf } from './keys.ts'
import { eventFields, eventJson, type Format, formatOf, headerFields, headerJson, printPairs, quoteBytes } from './print.ts'
import { decodeBase64 } from '../../../engine/kubernetes/base64.ts'
import { BAD_ARGUMENTS, Ended, EtcdError, INTERRUPTED, NotSimulated } from './words.ts'

export const WATCH_FLAGS = `
  -i --interactive bool
  --prefix bool
  --rev int=0
  --prev-kv bool
  --progress-notify bool
`
/** Between two tries of a client that has lost its server (ms). */
const AGAIN = 1_000

/** ctlv3/command/watch_command.go: until it is ended, or the server ends it. A connection that goes is made again, and it goes on where it was. */
export function* watch(process: Process, given: FlagSet, names: readonly string[]): Task<void> {
  if (given.bool('interactive')) throw new NotSimulated('etcdctl watch -i (watch a key, or more with --prefix)')
  const [words, command] = wordsOf(process, given, names)
  const [key, end] = words
  if (key === undefined) throw new EtcdError('bad number of arguments', BAD_ARGUMENTS)
  if (words.length === 2 && given.bool('prefix')) throw new EtcdError('`range_end` and `--prefix` are mutually exclusive', BAD_ARGUMENTS)
  const access = accessOf(process, given)
  const format = formatOf(given, false)
  const request: EtcdWatchRequest = { ...rangeOf(given, key, end), startRevision: Math.max(0, given.int('rev')), prevKv: given.bool('prev-kv'), progressNotify: given.bool('progress-notify') }
  for (;;) {
    const outcome = yield* stream<EtcdWatched>(process, access, 'Watch/Watch', request, function* (answer) {
      if (answer.created) {
        // after a connection that went it goes on from here
        if (request.startRevision === 0) request.startRevision = answer.header.revision + 1
        return
      }
      if (answer.events.length > 0) request.startRevision = answer.events.at(-1)!.kv.modified + 1
      yield* show(process, given, format, answer)
      for (const event of answer.events) if (command.length > 0) yield* run(process, command, answer, event)
    })
    if (outcome === 'ended') throw new EtcdError('watch is canceled by the server', INTERRUPTED)
    yield sleep(process.clock, AGAIN)
  }
}

/** What to watch may be in the environment; after "--" is what to run. */
function wordsOf(process: Process, given: FlagSet, names: readonly string[]): [words: string[], command: string[]] {
  const [key, end] = [process.env.get('ETCDCTL_WATCH_KEY') ?? '', process.env.get('ETCDCTL_WATCH_RANGE_END') ?? '']
  if (key === '' && end !== '') throw new EtcdError(`ETCDCTL_WATCH_KEY is empty but got ETCDCTL_WATCH_RANGE_END=${JSON.stringify(end)}`, BAD_ARGUMENTS)
  const dash = given.dash < 0 ? names.length : given.dash - (given.args.length - names.length)
  const [words, command] = [names.slice(0, dash), names.slice(dash)]
  if (given.dash >= 0 && command.length === 0) throw new EtcdError('bad number of arguments (found separator --, but no commands)', BAD_ARGUMENTS)
  if (key !== '' && words.length > 0) throw new EtcdError('bad number of arguments (found conflicting environment key)', BAD_ARGUMENTS)
  return [key === '' ? words : end === '' ? [key] : [key, end], command]
}

function* show(process: Process, given: FlagSet, format: Format, { header, events, compactRevision }: EtcdWatched): Task<void> {
  if (compactRevision !== undefined) yield* process.printError('watch was canceled (etcdserver: mvcc: required revision has been compacted)\n')
  else if (events.length === 0) yield* process.print(`progress notify: ${header.revision}\n`)
  if (format === 'json') {
    yield* process.print(`{"Header":${headerJson(header)},"Events":[${events.map(eventJson).join(',')}],"CompactRevision":${compactRevision ?? 0},"Canceled":${compactRevision !== undefined},"Created":false}\n`)
  } else if (format === 'fields') yield* process.print(headerFields(header) + events.map(eventFields).join(''))
  else {
    for (const { deleted, kv, prevKv } of events) {
      yield* process.print(deleted ? 'DELETE\n' : 'PUT\n')
      yield* printPairs(process, prevKv ? [prevKv, kv] : [kv], { hexed: given.bool('hex') })
    }
  }
}

/** For each event, with what happened in its environment. */
function* run(process: Process, argv: readonly string[], { header }: EtcdWatched, { deleted, kv }: EtcdEvent): Task<void> {
  const value = decodeBase64(kv.value ?? '')
  const env = new Map(process.env)
    .set('ETCD_WATCH_REVISION', String(header.revision)).set('ETCD_WATCH_EVENT_TYPE', deleted ? '"DELETE"' : '"PUT"')
    .set('ETCD_WATCH_KEY', quote(kv.key)).set('ETCD_WATCH_VALUE', quoteBytes(typeof value === 'number' ? new Uint8Array(0) : value))
  let why = `exec: ${JSON.stringify(argv[0])}: executable file not found in $PATH`
  try {
    const status = yield* process.wait(process.spawn({ argv: [...argv], files: process.files, env }))
    if (status.code === 0) return
    why = status.signal === undefined ? `exit status ${status.code}` : `signal: ${status.signal}`
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
  }
  yield* process.printError(`command ${quotedList(argv)} error (${why})\n`)
  throw new Ended()
}

/** Go's %q of a slice. */
function quotedList(words: readonly string[]): string {
  return `[${words.map(quote).join(' ')}]`
}
