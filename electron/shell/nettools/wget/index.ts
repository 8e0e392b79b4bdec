import { encodeUtf8, type Process, type Task } from '../../../engine/cluster.ts'
import { CookieJar } from '../curl/cookies.ts'
import { readInputText } from '../curl/output.ts'
import { convertLinks } from './convert.ts'
import { HELP, VERSION } from './help.ts'
import { inHashOrder } from './hash-order.ts'
import { linksOfHtml } from './html.ts'
import { parseWget } from './options.ts'
import { humanSize, humanTime, rate, stamp } from './progress.ts'
import { retrieve } from './retrieve.ts'
import { EXIT, NotSimulatedError, Session } from './session.ts'
import { Tree } from './tree.ts'
import { completed, merged, parseWgetUrl, type WgetUrl } from './url.ts'

/** GNU Wget 1.21.3, for http and https. */
export function* gnuWget(process: Process): Task<number> {
  const parsed = parseWget(process.argv.slice(1))
  if ('show' in parsed) {
    yield* process.print(parsed.show === 'version' ? VERSION : HELP)
    return 0
  }
  if ('notSimulated' in parsed) {
    yield* process.printError(`podhop: not simulated: ${parsed.notSimulated}\n`)
    return 69
  }
  if ('error' in parsed) {
    yield* process.printError(parsed.error)
    return parsed.code
  }
  const { options, urls, warnings } = parsed
  const session = new Session(process, options, new CookieJar())
  if (warnings !== '' && !options.quiet) yield* process.printError(warnings)
  const { output } = options
  if (output !== undefined && options.noClobber && session.exists(output)) {
    yield* session.say(`File ${session.quote(output)} already there; not retrieving.\n`)
    return EXIT.generic
  }
  if (output !== undefined) {
    try {
      session.output = output === '-' ? process.open('/dev/stdout', 'write') : process.open(output, options.continued ? 'append' : 'write')
    } catch (error) {
      yield* process.printError(`${output}: ${(error as Error).message}\n`)
      return EXIT.generic
    }
    if (output === '-' && (options.convertLinks || options.recursive)) {
      yield* process.printError('-k or -r can be used together with -O only if outputting to a regular file.\n')
      return EXIT.generic
    }
  }
  if (options.loadCookies !== undefined) {
    const text = yield* readInputText(process, options.loadCookies)
    if (text === undefined) yield* session.tell(`Cannot open cookies file ${session.quote(options.loadCookies)}: No such file or directory\n`)
    else session.cookies.load(text.replace(/^([^#\t:]+):\d+(?=\t)/gm, '$1'), Math.floor(process.clock.wall() / 1000))
  }
  const began = process.clock.now
  const tree = new Tree(session)
  try {
    for (const text of urls) yield* one(session, tree, completed(text))
    if (options.inputFile !== undefined) yield* listed(session, tree, options.inputFile)
  } catch (error) {
    if (!(error instanceof NotSimulatedError)) throw error
    yield* session.end()
    yield* process.printError(`podhop: not simulated: ${error.message}\n`)
    return 69
  }
  if (options.recursive && options.spider) yield* brokenLinks(session)
  if ((options.recursive || options.pageRequisites || urls.length > 1 || options.inputFile !== undefined) && session.bytes > 0) {
    yield* session.tell(`FINISHED --${stamp(process.clock.wall())}--\nTotal wall clock time: ${humanTime(process.clock.now - began)}\nDownloaded: ${session.count} files, ${humanSize(session.bytes)} in ${humanTime(session.spent)} (${rate(session.bytes, session.spent)})\n`)
    if (options.quota > 0 && session.bytes > options.quota) yield* session.tell(`Download quota of ${humanSize(options.quota)} EXCEEDED!\n`)
  }
  if (options.saveCookies !== undefined) yield* saveCookies(session, options.saveCookies)
  if (options.convertLinks && !options.deleteAfter) yield* convertLinks(session)
  yield* session.end()
  return session.code
}

function* saveCookies(session: Session, name: string): Task {
  const { process, options } = session
  const text = session.cookies.textOfWget(Math.floor(process.clock.wall() / 1000), session.now(), options.keepSessionCookies)
  try {
    const file = process.open(process.resolve(name), 'write')
    yield* file.write(encodeUtf8(text))
    file.release()
  } catch (error) {
    yield* session.tell(`Cannot open cookies file ${session.quote(name)}: ${(error as Error).message}\n`)
  }
}

function* one(session: Session, tree: Tree, text: string): Task {
  const url = parseWgetUrl(text)
  if ('error' in url) {
    if (url.ftp) throw new NotSimulatedError('wget of ftp (use http)')
    yield* session.tell(`${text}: ${url.error}${url.scheme === undefined ? '' : ` ${session.quote(url.scheme)}`}.\n`)
    session.failed(EXIT.generic)
    return
  }
  yield* got(session, tree, url)
}

function* got(session: Session, tree: Tree, url: WgetUrl): Task {
  const { options } = session
  if (options.recursive || options.pageRequisites) return yield* tree.retrieve(url)
  const { file } = yield* retrieve(session, url, undefined)
  if (!options.deleteAfter || file === undefined || !session.exists(file)) return
  yield* session.say(`Removing ${file}.\n`)
  session.remove(file)
}

/** -i: a file of URLs, or of HTML; or the URL of one. */
function* listed(session: Session, tree: Tree, name: string): Task {
  const { options, process } = session
  let { forceHtml: html, base } = options
  let file = name
  if (/^https?:\/\//i.test(name)) {
    const url = parseWgetUrl(name)
    if ('error' in url) {
      yield* session.tell(`${name}: ${url.error}.\n`)
      session.failed(EXIT.generic)
      return
    }
    base ??= name
    const list = yield* retrieve(session, url, undefined)
    if (list.file === undefined || list.code !== 0) return yield* session.tell(`No URLs found in ${name}.\n`)
    html ||= list.type === 'html'
    file = list.file
  }
  const text = yield* readInputText(process, file)
  if (text === undefined) {
    yield* session.tell(`${file}: No such file or directory\n`)
    return yield* session.tell(`No URLs found in ${name}.\n`)
  }
  let count = 0
  if (html) {
    const { links, incomplete } = linksOfHtml(text, base)
    for (const link of incomplete) yield* session.tell(`${file}: Cannot resolve incomplete link ${link}.\n`)
    for (const link of links) {
      count++
      if (!link.ignored) yield* got(session, tree, link.url)
    }
  } else {
    const urls: WgetUrl[] = []
    for (const line of text.split('\n').map((l) => l.trim()).filter((l) => l !== '')) {
      const target = completed(base === undefined ? line : merged(base, line))
      const url = parseWgetUrl(target)
      if ('error' in url && url.ftp) throw new NotSimulatedError('wget of ftp (use http)')
      if ('error' in url) {
        yield* session.tell(`${file}: Invalid URL ${target}: ${url.error}${url.scheme === undefined ? '' : ` ${session.quote(url.scheme)}`}\n`)
        session.failed(EXIT.generic)
      } else urls.push(url)
    }
    for (const url of urls) {
      if (options.quota > 0 && session.bytes > options.quota) break
      count++
      yield* got(session, tree, url)
    }
  }
  if (count === 0) yield* session.tell(`No URLs found in ${name}.\n`)
}

function* brokenLinks(session: Session): Task {
  const { broken } = session
  if (broken.size === 0) return yield* session.tell('Found no broken links.\n\n')
  yield* session.tell(`Found ${broken.size} broken link${broken.size === 1 ? '' : 's'}.\n\n`)
  for (const url of inHashOrder(broken)) yield* session.tell(`${url}\n`)
  yield* session.tell('\n')
}

