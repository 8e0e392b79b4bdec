import { hasScheme, merged, parseWgetUrl, type WgetUrl } from './url.ts'

/** A link of a document: where it stands, and what wget makes of it (src/html-url.c, css-url.c). */
export interface Link {
  url: WgetUrl
  /** Of the attribute's value, with its quotes: first character, and how many. */
  at: number
  size: number
  /** Needed to show the page. */
  inline: boolean
  html: boolean
  css: boolean
  relative: boolean
  complete: boolean
  /** Inside CSS: it stands there as it is. */
  plain: boolean
  base: boolean
  /** Converted, never fetched. */
  ignored: boolean
  /** Of <meta http-equiv=refresh>: seconds. */
  refresh: number | undefined
}

const INLINE = 1
const HTML = 2
const ATTRIBUTES: ReadonlyMap<string, ReadonlyMap<string, number>> = new Map(
  Object.entries({
    a: { href: HTML }, applet: { code: INLINE }, area: { href: HTML }, bgsound: { src: INLINE }, body: { background: INLINE }, embed: { href: HTML, src: INLINE | HTML }, fig: { src: INLINE }, frame: { src: INLINE | HTML }, iframe: { src: INLINE | HTML },
    img: { href: INLINE, lowsrc: INLINE, src: INLINE }, input: { src: INLINE }, layer: { src: INLINE | HTML }, object: { data: INLINE }, overlay: { src: INLINE | HTML }, script: { src: INLINE }, table: { background: INLINE }, td: { background: INLINE }, th: { background: INLINE },
    video: { src: INLINE, poster: INLINE }, audio: { src: INLINE, poster: INLINE }, source: { src: INLINE },
  }).map(([tag, attributes]) => [tag, new Map(Object.entries(attributes))]),
)

interface Attribute { name: string; value: string; at: number; size: number }

const ENTITIES: ReadonlyMap<string, string> = new Map([['amp', '&'], ['lt', '<'], ['gt', '>'], ['quot', '"'], ['apos', "'"], ['nbsp', '\u00a0']])
const decoded = (text: string): string =>
  text.replace(/&(?:#(\d+)|#x([0-9a-f]+)|([a-z]+));?/gi, (all, decimal: string | undefined, hex: string | undefined, name: string | undefined) => {
    if (name !== undefined) return ENTITIES.get(name.toLowerCase()) ?? all
    const code = decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal)
    return code > 0 && code < 0x11_0000 ? String.fromCodePoint(code) : all
  })

/** `noFollow`: <meta name=robots content=nofollow>. */
export function linksOfHtml(text: string, documentUrl: string | undefined): { links: Link[]; noFollow: boolean; incomplete: string[] } {
  const links: Link[] = []
  const incomplete: string[] = []
  let noFollow = false
  let base = documentUrl
  const add = (target: string, { at, size }: { at: number; size: number }, flags: Partial<Link> = {}): void => {
    if (base === undefined && !hasScheme(target)) {
      incomplete.push(target)
      return
    }
    const url = parseWgetUrl(base === undefined ? target : merged(base, target))
    if ('error' in url) return
    links.push({ url, at, size, inline: false, html: false, css: false, relative: !hasScheme(target) && !target.startsWith('/'), complete: hasScheme(target), plain: false, base: false, ignored: false, refresh: undefined, ...flags })
  }
  for (const { tag, attributes, end } of tagsOf(text)) {
    const of = (name: string): Attribute | undefined => attributes.find((a) => a.name === name)
    const style = of('style')
    if (style) for (const found of cssLinks(unquotedText(text, style))) add(found.url, { at: style.at + (/["']/.test(text[style.at] ?? '') ? 1 : 0) + found.at, size: found.size }, { inline: true, plain: true, css: found.sheet })
    if (tag === 'base') {
      const href = of('href')
      if (!href) continue
      add(href.value, href, { base: true, ignored: true })
      base = documentUrl === undefined ? href.value : merged(documentUrl, href.value)
    } else if (tag === 'form') {
      const action = of('action')
      if (action) add(action.value, action, { ignored: true })
    } else if (tag === 'link') {
      const href = of('href')
      if (href) add(href.value, href, relation(of('rel')?.value.toLowerCase(), of('type')?.value.toLowerCase()))
    } else if (tag === 'meta') {
      const content = of('content')
      if (of('name')?.value.toLowerCase() === 'robots' && content) noFollow ||= content.value.split(',').some((w) => ['none', 'nofollow'].includes(w.trim().toLowerCase()))
      const refresh = of('http-equiv')?.value.toLowerCase() === 'refresh' ? /^\s*(\d+)\s*;\s*url\s*=\s*(.*)$/is.exec(content?.value ?? '') : null
      if (refresh) add(refresh[2]!.replace(/^(["'])(.*)\1$/s, '$2'), content!, { html: true, refresh: Number(refresh[1]) })
    } else if (tag === 'style') {
      const close = text.slice(end).search(/<\/style/i)
      for (const found of cssLinks(text.slice(end, close < 0 ? text.length : end + close))) add(found.url, { at: end + found.at, size: found.size }, { inline: true, plain: true, css: found.sheet })
    } else {
      for (const attribute of attributes) {
        const flags = ATTRIBUTES.get(tag)?.get(attribute.name)
        if (flags !== undefined) add(attribute.value, attribute, { inline: (flags & INLINE) !== 0, html: (flags & HTML) !== 0 })
        else if (tag === 'img' && attribute.name === 'srcset') {
          const raw = text.slice(attribute.at, attribute.at + attribute.size)
          for (const found of raw.matchAll(/[^\s,"']\S*?(?=,?\s|,?["']?$)(?:\s+[\d.]+[wx])?/g)) {
            const [target] = found[0].split(/\s/)
            add(decoded(target!), { at: attribute.at + found.index, size: target!.length }, { inline: true, plain: true })
          }
        }
      }
    }
  }
  return { links: links.sort((a, b) => a.at - b.at), noFollow, incomplete }
}

/** Which <link>s a page needs. */
function relation(rel: string | undefined, type: string | undefined): Partial<Link> {
  if (rel === 'stylesheet' || rel === 'alternate stylesheet') return { inline: true, css: true }
  if (rel === 'shortcut icon' || rel === 'icon' || rel === 'manifest') return { inline: true }
  return rel !== undefined && (type === undefined || type === 'text/html') ? { html: true } : {}
}

const unquotedText = (text: string, { at, size }: Attribute): string => text.slice(at, at + size).replace(/^(["'])(.*)\1$/s, '$2')

function* tagsOf(text: string): Generator<{ tag: string; attributes: Attribute[]; end: number }> {
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at)) {
    if (text.startsWith('<!--', at)) {
      const end = text.indexOf('-->', at + 4)
      if (end < 0) return
      at = end + 3
      continue
    }
    const name = /^<([a-z][a-z0-9._-]*)/i.exec(text.slice(at, at + 64))
    if (!name) {
      at++
      continue
    }
    const attributes: Attribute[] = []
    let i = at + name[0].length
    const attribute = /\s*\/?\s*([^\s=>/"']+)\s*(?:(=)\s*("[^"]*"|'[^']*'|[^\s>]*))?/y
    for (;;) {
      attribute.lastIndex = i
      const found = attribute.exec(text)
      if (!found) break
      i = attribute.lastIndex
      const raw = found[3] ?? ''
      const value = decoded(raw.replace(/^(["'])(.*)\1$/s, '$2').trim().replace(/\s*[\r\n]\s*/g, ''))
      if (found[2] !== undefined) attributes.push({ name: found[1]!.toLowerCase(), value, at: i - raw.length, size: raw.length })
    }
    const close = text.indexOf('>', i)
    if (close < 0) return
    at = close + 1
    yield { tag: name[1]!.toLowerCase(), attributes, end: at }
  }
}

/** url(…) and @import of a style sheet. */
function* cssLinks(text: string): Generator<{ url: string; at: number; size: number; sheet: boolean }> {
  const plain = text.replace(/\/\*[^]*?\*\//g, (comment) => ' '.repeat(comment.length))
  for (const found of plain.matchAll(/(@import\s+)?(?:url\(\s*("[^"]*"|'[^']*'|[^)\s]*)\s*\)|(?<=@import\s+)("[^"]*"|'[^']*'))/gi)) {
    const raw = found[2] ?? found[3]!
    const quoted = /^["']/.test(raw)
    const url = quoted ? raw.slice(1, -1) : raw
    if (url !== '') yield { url, at: found.index + found[0].lastIndexOf(raw) + (quoted ? 1 : 0), size: url.length, sheet: found[1] !== undefined || found[3] !== undefined }
  }
}

export function linksOfCss(text: string, documentUrl: string): Link[] {
  const links: Link[] = []
  for (const { url: target, at, size, sheet } of cssLinks(text)) {
    const url = parseWgetUrl(merged(documentUrl, target))
    if (!('error' in url)) links.push({ url, at, size, inline: true, html: false, css: sheet, relative: !hasScheme(target) && !target.startsWith('/'), complete: hasScheme(target), plain: true, base: false, ignored: false, refresh: undefined })
  }
  return links
}
