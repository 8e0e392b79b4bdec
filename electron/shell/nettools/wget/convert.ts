import type { Task } from '../../../engine/cluster.ts'
import { inHashOrder } from './hash-order.ts'
import { linksOfCss, linksOfHtml, type Link } from './html.ts'
import { humanTime } from './progress.ts'
import type { Session } from './session.ts'
import { urlText } from './url.ts'

/** -k: links to what was fetched lead to the files, all others to the server (src/convert.c). */
export function* convertLinks(session: Session): Task {
  const { clock } = session.process
  const began = clock.now
  let count = 0
  for (const [files, css] of [[session.html, false], [session.css, true]] as const) {
    for (const file of inHashOrder(files)) {
      const url = [...session.files].find(([, f]) => f === file)?.[0]
      if (url === undefined || !session.exists(file)) continue
      const text = session.read(file)
      yield* convert(session, file, text, css ? linksOfCss(text, url) : linksOfHtml(text, url).links)
      count++
    }
  }
  yield* session.say(`Converted links in ${count} files in ${humanTime(clock.now - began).replace(/s$/, '')} seconds.\n`)
}

function* convert(session: Session, file: string, text: string, links: readonly Link[]): Task {
  yield* session.say(`Converting links in ${file}... `)
  const changes = links.flatMap((link): { link: Link; to: string; kind: 'base' | 'file' | 'url' }[] => {
    const local = session.files.get(urlText(link.url))
    if (link.base) return [{ link, to: '', kind: 'base' }]
    if (local !== undefined) return [{ link, to: relativeTo(file, local), kind: 'file' }]
    return link.complete ? [] : [{ link, to: urlText(link.url), kind: 'url' }]
  })
  if (changes.length === 0) return yield* session.say('nothing to do.\n')
  yield* session.say(`${changes.length}.\n`)
  if (session.options.backupConverted) yield* session.write(session.extended.has(file) ? file.replace(/html$/, 'orig') : `${file}.orig`, text)
  let out = ''
  let at = 0
  for (const { link, to, kind } of changes) {
    out += text.slice(at, link.at)
    const raw = text.slice(link.at, link.at + link.size)
    const quoted = kind === 'file' ? localQuoted(to, session.options.adjustExtension, link.plain) : link.plain ? to : htmlQuoted(to)
    out += link.plain ? quoted : attribute(raw, link.refresh === undefined ? quoted : `${link.refresh}; URL=${quoted}`)
    at = link.at + link.size
  }
  yield* session.write(file, out + text.slice(at))
  const of = (kind: string): number => changes.filter((c) => c.kind === kind).length
  yield* session.say(`${of('file')}-${of('url')}\n`)
}

/** In the quotes of the old value, with the fragment of it. */
function attribute(raw: string, value: string): string {
  const quote = /^["']/.exec(raw)?.[0]
  const old = quote === undefined ? raw : raw.slice(1, -1)
  const fragment = /(?<!&)#.*$/s.exec(old)?.[0] ?? ''
  return `${quote ?? '"'}${value}${fragment}${quote ?? '"'}`
}

/** The way from one file to another. */
function relativeTo(from: string, to: string): string {
  const [a, b] = [from.split('/'), to.split('/')]
  while (a.length > 1 && b.length > 1 && a[0] === b[0]) {
    a.shift()
    b.shift()
  }
  const link = '../'.repeat(a.length - 1) + b.join('/')
  return a.length === 1 && /^[^/]*:/.test(link) ? `./${link}` : link
}

/** What would be read as part of a URL is escaped; "?" only where -E has given the file an end of its own. */
function localQuoted(name: string, extended: boolean, plain: boolean): string {
  const escaped = name.replace(/[#%;?]/g, (c) => (c === '?' && !extended ? c : `%${c.charCodeAt(0).toString(16).toUpperCase()}`))
  return plain ? escaped : htmlQuoted(escaped)
}

const htmlQuoted = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll(' ', '&#32;')
