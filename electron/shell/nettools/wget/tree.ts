import type { Task } from '../../../engine/cluster.ts'
import { GuardedRegExp } from '../../regex/guarded.ts'
import { acceptable, globbed } from './naming.ts'
import { linksOfCss, linksOfHtml, type Link } from './html.ts'
import { retrieve } from './retrieve.ts'
import { allowedBy, readRobots, type Robots } from './robots.ts'
import type { Session } from './session.ts'
import { directoryOf, fileOf, parseWgetUrl, urlText, type WgetUrl } from './url.ts'

interface Queued { url: WgetUrl; referer: string | undefined; depth: number; html: boolean; css: boolean }

/** -r and -p: a part of the web, breadth first (src/recur.c). */
export class Tree {
  readonly #session: Session
  readonly #robots = new Map<string, Robots>()

  constructor(session: Session) {
    this.#session = session
  }

  *retrieve(start: WgetUrl): Task {
    const session = this.#session
    const { options } = session
    const queue: Queued[] = [{ url: start, referer: undefined, depth: 0, html: true, css: false }]
    const seen = new Set([urlText(start)])
    for (let next = queue.shift(); next; next = queue.shift()) {
      if (options.quota > 0 && session.bytes > options.quota) return
      const { depth } = next
      let { url } = next
      let file: string | undefined
      let descend: 'html' | 'css' | undefined
      const known = session.files.get(urlText(url))
      if (known !== undefined) {
        file = known
        descend = next.css && session.css.has(known) ? 'css' : next.html && session.html.has(known) ? 'html' : undefined
      } else {
        const got = yield* retrieve(session, url, next.referer)
        file = got.file
        if (file !== undefined && got.code === 0 && got.ok) {
          if (next.html && got.type === 'html') descend = 'html'
          if (got.type === 'css' || next.css) descend = 'css'
        }
        if (got.redirected !== undefined) {
          const elsewhere = parseWgetUrl(got.redirected)
          if ('error' in elsewhere) continue
          if (descend && !(yield* this.#mayFollow(elsewhere, undefined, url, depth, start, seen, true))) descend = undefined
          seen.add(got.redirected)
          url = elsewhere
        }
      }
      const deepest = depth >= options.level
      const requisites = deepest && options.pageRequisites && (depth === options.level || depth === options.level + 1)
      if (deepest && !requisites) descend = undefined
      if (descend && file !== undefined) for (const link of yield* this.#links(file, descend, url)) {
        if (link.ignored || (requisites && !link.inline)) continue
        if (!(yield* this.#mayFollow(link.url, link, url, depth, start, seen, false))) continue
        queue.push({ url: link.url, referer: urlText({ ...url, user: undefined, password: undefined }), depth: depth + 1, html: link.html, css: link.css })
        seen.add(urlText(link.url))
      }
      if (file !== undefined && (options.deleteAfter || options.spider || !acceptable(session, file))) {
        yield* session.say(options.deleteAfter || options.spider ? `Removing ${file}.\n` : `Removing ${file} since it should be rejected.\n`)
        if (session.exists(file)) session.remove(file)
        else yield* session.tell('unlink: No such file or directory\n')
        yield* session.say('\n')
        session.html.delete(file)
        session.css.delete(file)
        for (const [from, to] of session.files) if (to === file) session.files.delete(from)
      }
    }
  }

  *#links(file: string, kind: 'html' | 'css', url: WgetUrl): Task<readonly Link[]> {
    const session = this.#session
    if (!session.exists(file)) return []
    if (kind === 'css') return linksOfCss(session.read(file), urlText(url))
    const { links, noFollow } = linksOfHtml(session.read(file), urlText(url))
    if (!noFollow || !session.options.robots) return links
    yield* session.say(`nofollow attribute found in ${file}. Will not follow any links on this page\n`)
    return []
  }

  /** download_child: the questions in the order of the real one, the cheap ones first. `elsewhere`: it is where a redirection went. */
  *#mayFollow(url: WgetUrl, link: Link | undefined, parent: WgetUrl, depth: number, start: WgetUrl, seen: ReadonlySet<string>, elsewhere: boolean): Task<boolean> {
    const { options } = this.#session
    if (seen.has(urlText(url)) && !elsewhere) return false
    if (options.httpsOnly && url.scheme !== 'https') return false
    if (options.relativeOnly && !(link?.relative ?? false)) return false
    const ofDomain = (domain: string): boolean => url.host === domain.toLowerCase() || url.host.endsWith(`.${domain.toLowerCase().replace(/^\./, '')}`)
    if (options.domains.length > 0 && !options.domains.some(ofDomain)) return false
    if (options.excludeDomains.some(ofDomain)) return false
    const inline = link?.inline ?? false
    if (options.noParent && url.host === start.host && (url.scheme !== start.scheme || url.port === start.port) && !(options.pageRequisites && inline)) {
      const top = directoryOf(start)
      if (top !== '' && directoryOf(url) !== top && !directoryOf(url).startsWith(`${top}/`)) return false
    }
    if (!elsewhere && !this.#isListed(url)) return false
    const file = fileOf(url)
    const leads = /\.[xp]?html?$/i.test(file) && (depth < options.level - 1 || options.pageRequisites)
    if (file !== '' && !leads && !acceptable(this.#session, file)) return false
    if (!options.spanHosts && url.host !== parent.host) return false
    return !options.robots || (yield* this.#robotsAllow(url))
  }

  /** -I, -X, --accept-regex, --reject-regex. */
  #isListed(url: WgetUrl): boolean {
    const { options } = this.#session
    const directory = directoryOf(url)
    const under = (pattern: string): boolean => {
      const plain = pattern.replace(/^\/+|\/+$/g, '')
      return /[*?[\]]/.test(plain) ? globbed(`${plain}*`, options.ignoreCase).test(directory) : directory === plain || directory.startsWith(`${plain}/`)
    }
    if (options.includeDirectories.length > 0 && !options.includeDirectories.some(under)) return false
    if (options.excludeDirectories.some(under)) return false
    const text = urlText(url)
    const matches = (pattern: string): boolean => {
      try {
        return new GuardedRegExp(pattern).test(text)
      } catch {
        return false
      }
    }
    return (options.acceptRegex === undefined || matches(options.acceptRegex)) && (options.rejectRegex === undefined || !matches(options.rejectRegex))
  }

  *#robotsAllow(url: WgetUrl): Task<boolean> {
    const session = this.#session
    const place = `${url.host}:${url.port}`
    let rules = this.#robots.get(place)
    if (!rules) {
      const { options } = session
      const [timestamping, spider] = [options.timestamping, options.spider]
      yield* session.say('Loading robots.txt; please ignore errors.\n')
      Object.assign(options, { timestamping: false, spider: false })
      const got = yield* retrieve(session, { ...url, path: 'robots.txt', query: undefined, fragment: undefined }, undefined, true)
      Object.assign(options, { timestamping, spider })
      rules = got.code === 0 && got.file !== undefined && session.exists(got.file) ? readRobots(session.read(got.file)) : []
      if (got.code === 0 && got.file !== undefined && (options.deleteAfter || spider || got.file.endsWith('.tmp'))) {
        yield* session.say(`Removing ${got.file}.\n`)
        if (session.exists(got.file)) session.remove(got.file)
      }
      this.#robots.set(place, rules)
    }
    return allowedBy(rules, `/${url.path}`)
  }
}
