import { hex } from '../../sha256.ts'
import { sha512 } from '../../sha512.ts'
import { encodeUtf8 } from '../../text.ts'

/** The Corefile (coredns.io/manual/configuration): server blocks with plugins, each with arguments and a block (coredns/caddy, caddyfile). */
export interface CorefileDirective {
  name: string
  args: string[]
  /** Lines of the block, each as words. */
  block: string[][]
  /** Of each line of the block. */
  rows: number[]
  file: string
  line: number
}

/** How a server is asked (plugin/pkg/transport). */
export type Transport = 'dns' | 'tls' | 'https' | 'grpc' | 'quic'
const PORTS: Readonly<Record<Transport, number>> = { dns: 53, tls: 853, https: 443, grpc: 443, quic: 853 }

export interface ServerBlock {
  /** ".:53" → zone "." and port 53. */
  keys: { zone: string; port: number; text: string; transport: Transport }[]
  plugins: CorefileDirective[]
}

/** What a Corefile may refer to. */
export interface CorefileSurroundings {
  environment?: ReadonlyMap<string, string>
  /** The files that an `import` names, by a path or a pattern with one "*" or "?". */
  find?(pattern: string): { path: string; text: string }[]
  warn?(text: string): void
}

/** `message` is what CoreDNS prints. */
export class CorefileError extends Error {}

interface Word { text: string; line: number; file: string }

/** A hard cap, against snippets that import each other. */
const MAX_IMPORTS = 1000

export interface Corefile {
  blocks: ServerBlock[]
  /** The same for what means the same: the reload plugin compares it, and prints its hash. */
  identity: string
}

export function parseCorefile(text: string, file = 'Corefile', surroundings: CorefileSurroundings = {}): ServerBlock[] {
  return new Parser(text, file, surroundings).parse().blocks
}

export function readCorefile(text: string, file: string, surroundings: CorefileSurroundings): Corefile {
  const { blocks, tokens } = new Parser(text, file, surroundings).parse()
  return { blocks, identity: goJson(tokens) }
}

/** All replicas have one Corefile. */
let lastHash = { identity: '', hash: '' }

export function corefileHash(identity: string): string {
  if (lastHash.identity !== identity) lastHash = { identity, hash: hex(sha512(encodeUtf8(identity))) }
  return lastHash.hash
}

interface Tokens { keys: string[]; directives: Map<string, Word[]> }

class Parser {
  readonly #file: string
  readonly #surroundings: CorefileSurroundings
  readonly #snippets = new Map<string, Word[]>()
  #words: Word[]
  #at = 0
  #imports = 0

  constructor(text: string, file: string, surroundings: CorefileSurroundings) {
    this.#file = file
    this.#surroundings = surroundings
    this.#words = tokenize(text, '')
  }

  parse(): { blocks: ServerBlock[]; tokens: Tokens[] } {
    const blocks: ServerBlock[] = []
    const tokens: Tokens[] = []
    while (this.#at < this.#words.length) {
      const keys = this.#addresses()
      if (keys.length === 1 && /^\(.*\)$/.test(keys[0]!)) {
        this.#snippet(keys[0]!.slice(1, -1))
        continue
      }
      const plugins: CorefileDirective[] = []
      const directives = new Map<string, Word[]>()
      const braced = this.#words[this.#at]?.text === '{'
      if (braced) this.#at++
      let closed = false
      for (let word; (word = this.#words[this.#at]); ) {
        if (word.text === '}') {
          this.#at++
          closed = true
          break
        }
        if (word.text === 'import') this.#import()
        else this.#directive(plugins, directives)
      }
      if (braced && !closed) throw this.#syntax("Unexpected EOF, expecting '}'")
      if (keys.length > 0) {
        blocks.push({ keys: keys.map(parseKey), plugins })
        tokens.push({ keys, directives })
      }
    }
    return { blocks, tokens }
  }

  #addresses(): string[] {
    const keys: string[] = []
    let more = true
    for (let word; (word = this.#words[this.#at]); this.#at++) {
      const text = this.#expand(word.text)
      if (text === 'import' && this.#isNewLine(this.#at)) {
        this.#import()
        this.#at--
        continue
      }
      if (text === '{') {
        if (more && keys.length > 0) throw this.#error(`Expected another address but had '{' - check for extra comma`)
        break
      }
      if (keys.length > 0 && !more && this.#isNewLine(this.#at)) break
      more = text.endsWith(',')
      for (const key of text.split(',')) if (key !== '') keys.push(key)
    }
    return keys
  }

  #snippet(name: string): void {
    if (this.#snippets.has(name)) throw this.#error(`redeclaration of previously declared snippet ${name}`)
    if (this.#words[this.#at]?.text !== '{') throw this.#syntax(`Unexpected token '${this.#words[this.#at]?.text ?? ''}', expecting '{'`)
    const start = ++this.#at
    for (let depth = 1; depth > 0; this.#at++) {
      const word = this.#words[this.#at]
      if (!word) throw this.#syntax("Unexpected EOF, expecting '}'")
      if (word.text === '{') depth++
      else if (word.text === '}') depth--
    }
    this.#snippets.set(name, this.#words.slice(start, this.#at - 1))
  }

  /** Puts what is imported in the place of the two words. */
  #import(): void {
    const place = this.#words[this.#at]!
    const pattern = this.#words[this.#at + 1]
    if (!pattern || this.#isNewLine(this.#at + 1)) throw this.#error("Wrong argument count or unexpected line ending after 'import'")
    const next = this.#words[this.#at + 2]
    if (next && !this.#isNewLine(this.#at + 2) && next.text !== '}') throw this.#error('Import takes only one argument (glob pattern or file)')
    if (++this.#imports > MAX_IMPORTS) throw this.#error(`maximum snippet import depth (${MAX_IMPORTS}) exceeded`)
    const name = this.#expand(pattern.text)
    const words = this.#snippets.get(name) ?? this.#files(name, place)
    this.#words = [...this.#words.slice(0, this.#at), ...words, ...this.#words.slice(this.#at + 2)]
  }

  #files(name: string, { file }: Word): Word[] {
    const base = file || this.#file
    const pattern = name.startsWith('/') ? name : `${base.slice(0, base.lastIndexOf('/') + 1)}${name}`
    if ((pattern.match(/\*/g) ?? []).length > 1 || (pattern.match(/\?/g) ?? []).length > 1 || /\[.*\]/.test(pattern)) {
      throw this.#error(`Glob pattern may only contain one wildcard (*), but has others: ${pattern}`)
    }
    const found = this.#surroundings.find?.(pattern) ?? []
    if (found.length === 0) {
      if (!/[*?]/.test(pattern)) throw this.#error(`File to import not found: ${name}`)
      this.#surroundings.warn?.(`[WARNING] No files matching import glob pattern: ${name}`)
    }
    return found.flatMap(({ path, text }) => tokenize(text, path))
  }

  /** To the end of its line, or of its block. */
  #directive(plugins: CorefileDirective[], directives: Map<string, Word[]>): void {
    const first = this.#words[this.#at]!
    const name = this.#expand(first.text)
    const directive: CorefileDirective = { name, args: [], block: [], rows: [], file: first.file || this.#file, line: first.line }
    let depth = 0
    let row = -1
    if (!directives.has(name)) directives.set(name, [])
    const tokens = directives.get(name)!
    tokens.push({ ...first, text: name })
    for (this.#at++; this.#at < this.#words.length; this.#at++) {
      const word = this.#words[this.#at]!
      const fresh = this.#isNewLine(this.#at)
      if (word.text === '{') depth++
      else if (fresh && depth === 0) break
      else if (word.text === '}' && depth > 0) depth--
      else if (word.text === '}') throw this.#error("Unexpected '}' because no matching opening brace")
      else if (word.text === 'import' && fresh) {
        this.#import()
        this.#at--
        continue
      }
      const text = this.#expand(word.text)
      tokens.push({ ...word, text })
      if (depth === 0 && text !== '}') directive.args.push(text)
      else if (depth > 0 && !(depth === 1 && text === '{')) {
        if (row < 0 || fresh) {
          directive.block.push([])
          directive.rows.push(word.line)
        }
        row = word.line
        directive.block.at(-1)!.push(text)
      }
    }
    if (depth > 0) throw this.#syntax("Unexpected EOF, expecting '}'")
    plugins.push(directive)
  }

  #isNewLine(at: number): boolean {
    const [before, word] = [this.#words[at - 1], this.#words[at]]
    return !before || !word || before.file !== word.file || before.line < word.line
  }

  /** {$NAME} and {%NAME%}. */
  #expand(text: string): string {
    return text.replace(/\{%([^%{}]+)%\}|\{\$([^{}]+)\}/g, (_, a: string | undefined, b: string | undefined) => this.#surroundings.environment?.get((a ?? b)!) ?? '')
  }

  #place(): string {
    const word = this.#words[this.#at] ?? this.#words.at(-1)
    return `${word?.file || this.#file}:${word?.line ?? 1}`
  }

  #error(what: string): CorefileError {
    return new CorefileError(`${this.#place()} - Error during parsing: ${what}`)
  }

  #syntax(what: string): CorefileError {
    return new CorefileError(`${this.#place()} - Syntax error: ${what}`)
  }
}

function parseKey(text: string): ServerBlock['keys'][number] {
  const [, transport = 'dns', plain = ''] = /^(?:(dns|tls|https|grpc|quic):\/\/)?(.*)$/.exec(text)! as unknown as [string, Transport?, string?]
  const match = /^(.*?)(?::([0-9]+))?$/.exec(plain)!
  const host = match[1] === '' ? '.' : match[1]!
  return { zone: reverseZone(host) ?? (host.endsWith('.') ? host.toLowerCase() : `${host.toLowerCase()}.`), port: Number(match[2] ?? PORTS[transport]), text, transport }
}

/** "10.0.0.0/24" → "0.0.10.in-addr.arpa.", as plugin.Host's NormalizeExact does for whole octets. */
export function reverseZone(host: string): string | undefined {
  const match = /^([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\/(8|16|24|32)$/.exec(host)
  return match ? `${match.slice(1, 1 + Number(match[5]) / 8).reverse().join('.')}.in-addr.arpa.` : undefined
}

function tokenize(text: string, file: string): Word[] {
  const out: Word[] = []
  for (const [i, row] of text.split('\n').entries()) {
    const pattern = /"((?:[^"\\]|\\.)*)"?|(#.*)|(\S+)/g
    for (let match; (match = pattern.exec(row)); ) {
      if (match[2] !== undefined) break
      out.push({ text: match[3] ?? match[1]!.replaceAll('\\"', '"'), line: i + 1, file })
    }
  }
  return out
}

/** As Go's encoding/json writes the parsed file: maps by their keys' order, and HTML escaped. */
function goJson(blocks: readonly Tokens[]): string {
  const value = blocks.map(({ keys, directives }) => ({
    Keys: keys,
    Tokens: Object.fromEntries([...directives].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, words]) => [name, words.map(({ file, line, text }) => ({ File: file, Line: line, Text: text }))])),
  }))
  return JSON.stringify(value).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)
}
