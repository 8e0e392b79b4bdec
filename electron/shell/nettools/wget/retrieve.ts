import { encodeUtf8, type Task } from '../../../engine/cluster.ts'
import { date } from '../curl/numbers.ts'
import { proxyVariable } from '../proxy-variable.ts'
import { ask, type Ended, type Fetch } from './http.ts'
import { rememberOld, uniqueName } from './naming.ts'
import { rate } from './progress.ts'
import { EXIT, NotSimulatedError, type Session } from './session.ts'
import { localName, merged, parseWgetUrl, targetOf, urlText, type WgetUrl } from './url.ts'

export interface Retrieved {
  code: number
  /** Where the document is, if it came. */
  file: string | undefined
  /** Where it was found in the end, if that is elsewhere. */
  redirected: string | undefined
  ok: boolean
  type: 'html' | 'css' | undefined
}

/** A URL with everything that it leads to (retrieve_url). `silent`: its failure is none of the run's. */
export function* retrieve(session: Session, original: WgetUrl, referer: string | undefined, silent = false): Task<Retrieved> {
  const { options, process } = session
  let url = original
  let base = urlText(url)
  let { method } = options
  let body = options.body === undefined ? undefined : encodeUtf8(options.body)
  const failed = (code: number): Retrieved => {
    if (!silent) session.failed(code)
    return { code, file: undefined, redirected: undefined, ok: false, type: undefined }
  }
  if (options.bodyFile !== undefined) {
    if (!session.exists(options.bodyFile)) {
      yield* session.say(`--${session.now()}--  ${urlText(url)}\n`)
      yield* session.tell(`BODY data file ${session.quote(options.bodyFile)} missing: No such file or directory\n`)
      return failed(EXIT.file)
    }
    body = process.fs.readFile(process.resolve(options.bodyFile))
  }
  for (let redirects = 0; ; redirects++) {
    const proxy = options.noProxy ? undefined : proxyVariable(process, { ...url, target: targetOf(url), user: undefined }, [`${url.scheme}_proxy`], process.env.get('no_proxy'))
    if (proxy !== undefined) throw new NotSimulatedError(`wget through the proxy of ${proxy} (unset ${proxy}, or use --no-proxy)`)
    const outcome = yield* repeatedly(session, url, original, referer ?? options.referer, method, body)
    if (!('location' in outcome)) {
      if (!silent) session.failed(outcome.code)
      const redirected = redirects > 0 ? urlText(url) : undefined
      if (outcome.file !== undefined && (outcome.ok || options.contentOnError)) remember(session, original, url, outcome)
      return { ...outcome, redirected }
    }
    const target = merged(base, outcome.location)
    const next = parseWgetUrl(target)
    if ('error' in next) {
      if (next.ftp) throw new NotSimulatedError('wget of ftp (use http)')
      yield* session.tell(`${target}: ${next.error}${next.scheme === undefined ? '' : ` ${session.quote(next.scheme)}`}.\n`)
      return failed(EXIT.generic)
    }
    if (redirects + 1 > options.maxRedirects) {
      yield* session.tell(`${options.maxRedirects} redirections exceeded.\n`)
      return failed(EXIT.server)
    }
    url = next
    base = urlText(url)
    // what was posted is asked for by GET elsewhere, but after 307 and 308
    if (!outcome.keeps) method = body = undefined
  }
}

/** What -r, -p and -k look up later. */
function remember(session: Session, original: WgetUrl, url: WgetUrl, { file, type }: { file: string | undefined; type: 'html' | 'css' | undefined }): void {
  session.files.set(urlText(url), file!)
  if (!session.options.spider && urlText(original) !== urlText(url)) session.files.set(urlText(original), file!)
  if (type === 'html') session.html.add(file!)
  if (type === 'css') session.css.add(file!)
}

type Outcome = { code: number; file: string | undefined; ok: boolean; type: 'html' | 'css' | undefined } | { location: string; keeps: boolean }

/** Until it is well, or no more tries are left (http_loop). */
function* repeatedly(session: Session, url: WgetUrl, original: WgetUrl, referer: string | undefined, method: string | undefined, body: Uint8Array | undefined): Task<Outcome> {
  const { options, process } = session
  if (/[*?[\]]/.test(url.path)) yield* session.say('Warning: wildcards not supported in HTTP.\n')
  const fetch: Fetch = {
    url, referer, headOnly: false, conditional: false, method, body, restart: 0, file: undefined, existenceChecked: false, old: undefined, status: 0, reason: '', total: -1, length: 0, received: 0, spent: 0, readError: undefined, location: undefined, modified: undefined, ok: false, type: undefined,
  }
  if (options.output !== undefined) fetch.file = options.output
  else if (!options.contentDisposition) fetch.file = uniqueName(session, localName(options.trustServerNames ? url : original, options))
  let hasName = fetch.file !== undefined
  const done = (code: number): Outcome => ({ code, file: code === 0 || options.contentOnError ? (fetch.file === '-' ? undefined : fetch.file) : undefined, ok: fetch.ok, type: fetch.type })
  if (hasName && options.noClobber && options.output === undefined && session.exists(fetch.file!)) {
    yield* session.say(`File ${session.quote(fetch.file!)} already there; not retrieving.\n\n`)
    fetch.ok = true
    if (/\.html?$/i.test(fetch.file!)) fetch.type = 'html'
    return done(0)
  }
  let headFirst = options.spider || (options.contentDisposition && options.continued)
  let hadHead = false
  let full = false
  if (options.timestamping) {
    if (options.ifModifiedSince && !headFirst && hasName && session.exists(fetch.file!)) {
      rememberOld(session, fetch)
      fetch.conditional = true
    } else if (options.contentDisposition || session.exists(fetch.file!)) headFirst = true
  }
  let modified: number | undefined
  for (let count = 1; options.tries === 0 || count <= options.tries; count++) {
    yield* waitBefore(session, count)
    if (options.spider && !hadHead) yield* session.say('Spider mode enabled. Check if remote file exists.\n')
    yield* session.say(`--${session.now()}--  ${count > 1 ? `(try:${String(count).padStart(2)})  ` : ''}${urlText(url)}\n`)
    fetch.headOnly = headFirst && !hadHead
    fetch.restart = restartOf(session, fetch, count, full, hasName)
    const ended = yield* ask(session, fetch, count)
    const time = session.now()
    const again = (): Task => session.say(count === options.tries ? 'Giving up.\n\n' : 'Retrying.\n\n')
    if (typeof ended === 'object') {
      yield* session.say('\n')
      yield* session.tell(`Cannot write to ${session.quote(fetch.file!)} (${ended.cannotWrite}).\n`)
      return done(EXIT.file)
    }
    const fatal = yield* ending(session, ended, fetch)
    if (fatal === 'again') {
      yield* again()
      continue
    }
    if (typeof fatal === 'number') return done(fatal)
    if (fatal) return fatal
    if (!fetch.ok) {
      yield* session.brief(`${urlText(url)}:\n`)
      if (fetch.headOnly && (fetch.status === 500 || fetch.status === 501)) {
        hadHead = true
        continue
      }
      if (options.spider) {
        session.broken.add(urlText(url))
        yield* session.tell('Remote file does not exist -- broken link!!!\n')
      } else if (options.retryHttpErrors.includes(fetch.status)) {
        yield* again()
        continue
      } else yield* session.tell(`${time} ERROR ${fetch.status}: ${fetch.reason}.\n`)
      yield* session.say('\n')
      return done(EXIT.server)
    }
    if (!hadHead || (options.spider && !options.recursive)) {
      hadHead = true
      if (options.timestamping && fetch.modified === undefined) yield* session.tell('Last-modified header missing -- time-stamps turned off.\n')
      else if (fetch.modified !== undefined) {
        modified = date(fetch.modified)
        if (modified === undefined) yield* session.say('Last-modified header invalid -- time-stamp ignored.\n')
      }
      if (headFirst) {
        const known = yield* afterHead(session, fetch, modified, time)
        if (known === 'done') return done(0)
        if (known === 'newer') full = true
        hasName = true
        fetch.headOnly = false
        count = 0
        continue
      }
    }
    const complete = fetch.length === fetch.total || (fetch.readError === undefined && fetch.total === -1)
    if (options.serverTimestamps && modified !== undefined && complete && fetch.file !== '-' && session.exists(fetch.file!)) {
      session.output?.release()
      process.fs.touch(process.resolve(fetch.file!), modified)
    }
    const speed = rate(fetch.received, fetch.spent)
    session.spent += fetch.spent
    const loaded = fetch.total === -1 ? `[${fetch.length}]` : `[${fetch.length}/${fetch.total}]`
    if (complete) {
      if (fetch.ok || options.contentOnError) {
        yield* session.say(`${time} (${speed}) - ${options.output === '-' ? 'written to stdout ' : `${session.quote(fetch.file!)} saved `}${loaded}\n\n`)
        yield* session.brief(`${time} URL:${urlText(url)} ${loaded} -> "${fetch.file}" [${count}]\n`)
      }
      session.count++
      session.bytes += fetch.received
      return done(0)
    }
    if (fetch.readError === undefined) {
      if (fetch.length > fetch.total) return done(0)
      yield* session.say(`${time} (${speed}) - Connection closed at byte ${fetch.length}. `)
    } else yield* session.say(fetch.total === -1 ? `${time} (${speed}) - Read error at byte ${fetch.length} (${fetch.readError}).` : `${time} (${speed}) - Read error at byte ${fetch.length}/${fetch.total} (${fetch.readError}). `)
    yield* again()
  }
  return done(EXIT.network)
}

/** An exit code, "again", where it goes on, or nothing: there is an answer. */
function* ending(session: Session, ended: Exclude<Ended, { cannotWrite: string }>, fetch: Fetch): Task<number | 'again' | { location: string; keeps: boolean } | undefined> {
  switch (ended) {
    case 'again': case 'headers': case 'eof': case 'range': case 'gateway':
      return 'again'
    case 'host':
      return session.options.retryHostError ? 'again' : EXIT.network
    case 'impossible':
      return EXIT.network
    case 'certificate':
      return EXIT.tls
    case 'tls':
      yield* session.tell('Unable to establish SSL connection.\n')
      return EXIT.network
    case 'login':
      yield* session.say('\n')
      yield* session.tell('Username/Password Authentication Failed.\n')
      return EXIT.login
    case 'unneeded':
      return EXIT.ok
    case 'moved': case 'moved-keeping':
      if (fetch.location !== undefined) return { location: fetch.location, keeps: ended === 'moved-keeping' }
      yield* session.tell(`ERROR: Redirection (${fetch.status}) without location.\n`)
      return EXIT.server
    case 'finished':
      return undefined
  }
}

function restartOf(session: Session, fetch: Fetch, count: number, full: boolean, hasName: boolean): number {
  const { options, process } = session
  if (full) return fetch.length
  if (options.startPosition !== undefined) return options.startPosition
  if (options.continued && hasName && fetch.file !== '-' && session.exists(fetch.file!)) {
    const { type, size } = process.fs.stat(process.resolve(fetch.file!))
    if (type === 'file') return size
  }
  if (count <= 1) return 0
  return fetch.length < fetch.restart ? fetch.restart - fetch.length : fetch.length
}

/** What a HEAD request tells of a file that is here already, and of one that is only looked for. */
function* afterHead(session: Session, fetch: Fetch, modified: number | undefined, time: string): Task<'done' | 'newer' | undefined> {
  const { options } = session
  const { old } = fetch
  let newer = false
  if (options.timestamping && old && modified !== undefined) {
    if (old.time >= modified) {
      if (fetch.total === -1 || old.size === fetch.total) {
        yield* session.say(`Server file no newer than local file ${session.quote(old.name)} -- not retrieving.\n\n`)
        return 'done'
      }
      yield* session.say(`The sizes do not match (local ${old.size}) -- retrieving.\n`)
    } else {
      newer = true
      yield* session.say('Remote file is newer, retrieving.\n')
    }
    yield* session.say('\n')
  }
  if (!options.spider) return newer ? 'newer' : undefined
  const links = fetch.type !== undefined
  if (options.recursive && links) {
    yield* session.say('Remote file exists and could contain links to other resources -- retrieving.\n\n')
    return undefined
  }
  if (options.recursive) yield* session.say('Remote file exists but does not contain any link -- not retrieving.\n\n')
  else yield* session.say(links ? 'Remote file exists and could contain further links,\nbut recursion is disabled -- not retrieving.\n\n' : 'Remote file exists.\n\n')
  yield* session.brief(`${time} URL: ${urlText(fetch.url)} ${String(fetch.status).padStart(2)} ${fetch.reason === '(no description)' ? '' : fetch.reason}\n`)
  return 'done'
}

/** --waitretry and --wait: never before the first. */
function* waitBefore(session: Session, count: number): Task {
  const { options, process } = session
  const first = !session.begun
  session.begun = true
  if (first) return
  const seconds = options.waitRetry > 0 && count > 1 ? Math.min(count - 1, options.waitRetry) : options.randomWait && count === 1 ? options.wait * (0.5 + process.clock.random.float()) : options.wait
  if (seconds > 0) yield* process.sleep(seconds * 1000)
}
