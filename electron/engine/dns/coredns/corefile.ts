/** The Corefile (coredns.io/manual/configuration): server blocks with plugins, each with arguments and a block. */
export interface CorefileDirective {
  name: string
  args: string[]
  /** Lines of the block, each as words. */
  block: string[][]
  line: number
}

export interface ServerBlock {
  /** ".:53" → zone "." and port 53. */
  keys: { zone: string; port: number; text: string }[]
  plugins: CorefileDirective[]
}

/** `message` is what CoreDNS prints. */
export class CorefileError extends Error {}

interface Word { text: string; line: number }

export function parseCorefile(text: string, file = 'Corefile'): ServerBlock[] {
  const words = tokenize(text)
  const blocks: ServerBlock[] = []
  let at = 0
  while (at < words.length) {
    const keys: ServerBlock['keys'] = []
    while (at < words.length && words[at]!.text !== '{') {
      const word = words[at++]!
      for (const key of word.text.split(',')) if (key !== '') keys.push(parseKey(key))
    }
    if (at >= words.length) throw new CorefileError(`${file}:${words.at(-1)!.line} - Error during parsing: Unexpected EOF, expecting '{'`)
    at++
    const plugins: CorefileDirective[] = []
    for (;;) {
      const word = words[at]
      if (!word) throw new CorefileError(`${file}:${words.at(-1)!.line} - Syntax error: Unexpected EOF, expecting '}'`)
      at++
      if (word.text === '}') break
      const directive: CorefileDirective = { name: word.text, args: [], block: [], line: word.line }
      while (at < words.length && words[at]!.line === word.line && words[at]!.text !== '{' && words[at]!.text !== '}') directive.args.push(words[at++]!.text)
      if (words[at]?.text === '{' && words[at]!.line === word.line) {
        at++
        at = readBlock(words, at, directive, file)
      }
      plugins.push(directive)
    }
    blocks.push({ keys, plugins })
  }
  return blocks
}

function readBlock(words: readonly Word[], start: number, directive: CorefileDirective, file: string): number {
  let at = start
  let line = -1
  for (;;) {
    const word = words[at++]
    if (!word) throw new CorefileError(`${file}:${words.at(-1)!.line} - Syntax error: Unexpected EOF, expecting '}'`)
    if (word.text === '}') return at
    if (word.line !== line) directive.block.push([])
    line = word.line
    directive.block.at(-1)!.push(word.text)
  }
}

function parseKey(text: string): { zone: string; port: number; text: string } {
  const plain = text.replace(/^dns:\/\//, '')
  const match = /^(.*?)(?::([0-9]+))?$/.exec(plain)!
  const host = match[1] === '' ? '.' : match[1]!
  return { zone: host.endsWith('.') ? host.toLowerCase() : `${host.toLowerCase()}.`, port: Number(match[2] ?? 53), text }
}

function tokenize(text: string): Word[] {
  const out: Word[] = []
  let line = 1
  for (const row of text.split('\n')) {
    const pattern = /"((?:[^"\\]|\\.)*)"|(\S+)/g
    let match: RegExpExecArray | null
    const code = row.replace(/(^|\s)#.*$/, '')
    while ((match = pattern.exec(code))) out.push({ text: match[1] ?? match[2]!, line })
    line++
  }
  return out
}
