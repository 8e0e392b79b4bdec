/** Line from 1, columns from 0; `to` is behind the last character. */
export interface Location { line: number; from: number; to: number }

export type TokenKind = 'word' | 'number' | 'address' | 'time' | 'quoted' | 'symbol' | 'newline' | 'end'

export interface Token { kind: TokenKind; text: string; at: Location }

/** The scanner of nft 1.0.6 (src/scanner.l), as far as rules need it. */
const PATTERNS: readonly [TokenKind, RegExp][] = [
  ['quoted', /"([^"\n]*)"/y],
  ['address', /(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}(?![0-9a-fA-F:])/y],
  ['address', /(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?:\d+\.\d+\.\d+\.\d+)?(?![\w])/y],
  ['address', /\d+\.\d+\.\d+\.\d+(?![\w.])/y],
  ['number', /0[xX][0-9a-fA-F]+(?!\w)/y],
  ['time', /(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+s)?(?:\d+ms)?(?!\w)/y],
  ['number', /\d+/y],
  ['word', /[A-Za-z_][A-Za-z0-9_./\\-]*\*?/y],
  ['symbol', /==|!=|<=|>=|<<|>>|[{}(),;:.@=<>&|^!/\-+*[\]$]/y],
]

export function tokens(text: string): Token[] {
  const out: Token[] = []
  let line = 1
  let start = 0
  let i = 0
  const push = (kind: TokenKind, value: string, length: number): void => {
    out.push({ kind, text: value, at: { line, from: i - start, to: i - start + length } })
    i += length
  }
  outer: while (i < text.length) {
    const c = text[i]!
    if (c === ' ' || c === '\t' || c === '\r') {
      i++
      continue
    }
    if (c === '#') {
      while (i < text.length && text[i] !== '\n') i++
      continue
    }
    if (c === '\\' && text[i + 1] === '\n') {
      i += 2
      line++
      start = i
      continue
    }
    if (c === '\n') {
      push('newline', '\n', 1)
      line++
      start = i
      continue
    }
    for (const [kind, pattern] of PATTERNS) {
      pattern.lastIndex = i
      const match = pattern.exec(text)
      if (!match || match[0] === '') continue
      push(kind, match[1] ?? match[0], match[0].length)
      continue outer
    }
    push('symbol', c, 1)
  }
  out.push({ kind: 'end', text: '', at: { line, from: i - start, to: i - start + 1 } })
  return out
}

/** How bison names a token in "syntax error, unexpected …". */
export function tokenName(token: Token): string {
  switch (token.kind) {
    case 'newline': return 'newline'
    case 'end': return 'end of file'
    case 'number': return 'number'
    case 'quoted': return 'quoted string'
    case 'word': return KEYWORDS.has(token.text) ? token.text : 'string'
    case 'symbol': return SYMBOLS[token.text] ?? `'${token.text}'`
    default: return 'string'
  }
}

const SYMBOLS: Readonly<Record<string, string>> = { ',': 'comma', ':': 'colon', ';': 'semicolon', '.': '.', '/': '/', '@': '@', '-': '-' }

const KEYWORDS: ReadonlySet<string> = new Set([
  'table', 'chain', 'set', 'map', 'element', 'rule', 'add', 'delete', 'list', 'flush', 'insert', 'replace', 'create', 'ruleset', 'tables', 'chains', 'sets',
  'maps', 'type', 'hook', 'priority', 'policy', 'handle', 'comment', 'counter', 'accept', 'drop', 'return', 'jump', 'goto', 'continue', 'queue', 'log', 'limit',
  'reject', 'masquerade', 'snat', 'dnat', 'redirect', 'notrack', 'meta', 'ct', 'fib', 'numgen', 'ip', 'ip6', 'tcp', 'udp', 'sctp', 'icmp', 'icmpv6', 'th',
  'vmap', 'with', 'to', 'mark', 'iif', 'oif', 'iifname', 'oifname', 'inet', 'bridge', 'arp', 'netdev', 'position', 'index', 'rename', 'export', 'monitor', 'update',
])
