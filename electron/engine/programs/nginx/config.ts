/** nginx's configuration language (nginx.org/en/docs/beginners_guide.html#conf_structure): directives and blocks. */
export interface Directive {
  readonly name: string
  readonly args: string[]
  block?: Directive[]
  readonly file: string
  readonly line: number
}

/** `message` is what nginx prints after "[emerg] ". */
export class ConfigError extends Error {}

/** A directive that real nginx knows and Podhop does not simulate. */
export class NotSimulated extends Error {}

interface Token { text: string; quoted: boolean; line: number }

/** `include` gives the files that a pattern names, with their text; throws for a plain name that does not exist. */
export function parseConfig(file: string, text: string, include: (pattern: string) => { file: string; text: string }[]): readonly Directive[] {
  const read = readFile(file, text)
  if (read.whole) return read.whole
  const { tokens } = read
  let at = 0

  const block = (top: boolean): Directive[] => {
    const out: Directive[] = []
    for (;;) {
      const token = tokens[at++]
      if (!token) {
        if (!top) throw new ConfigError(`unexpected end of file, expecting "}" in ${file}:${lastLine(text)}`)
        return out
      }
      if (!token.quoted && token.text === '}') {
        if (top) throw new ConfigError(`unexpected "}" in ${file}:${token.line}`)
        return out
      }
      if (!token.quoted && (token.text === ';' || token.text === '{')) throw new ConfigError(`unexpected "${token.text}" in ${file}:${token.line}`)
      const directive: Directive = { name: token.text, args: [], file, line: token.line }
      for (;;) {
        const next = tokens[at++]
        if (!next) throw new ConfigError(`unexpected end of file, expecting ";" or "}" in ${file}:${lastLine(text)}`)
        if (!next.quoted && next.text === ';') break
        if (!next.quoted && next.text === '{') {
          directive.block = block(false)
          break
        }
        if (!next.quoted && next.text === '}') throw new ConfigError(`unexpected "}" in ${file}:${next.line}`)
        directive.args.push(next.text)
      }
      if (directive.name === 'include') {
        for (const part of include(directive.args[0] ?? '')) out.push(...parseConfig(part.file, part.text, include))
      } else out.push(directive)
    }
  }
  const whole = block(true)
  if (!tokens.some((t) => t.text === 'include')) read.whole = whole
  return whole
}

function lastLine(text: string): number {
  return text.split('\n').length
}

/** The files that every nginx starts with are the same ones. */
const known = new Map<string, ReadFile>()
const MOST_KNOWN = 100

interface ReadFile {
  tokens: readonly Token[]
  /** What it says, when it includes no other file. */
  whole?: readonly Directive[]
}

function readFile(file: string, text: string): ReadFile {
  const key = `${file}\n${text}`
  let read = known.get(key)
  if (!read) {
    if (known.size >= MOST_KNOWN) known.clear()
    known.set(key, (read = { tokens: tokenize(file, text) }))
  }
  return read
}

function tokenize(file: string, text: string): Token[] {
  const out: Token[] = []
  let line = 1
  let i = 0
  while (i < text.length) {
    const c = text[i]!
    if (c === '\n') line++
    if (/\s/.test(c)) {
      i++
    } else if (c === '#') {
      while (i < text.length && text[i] !== '\n') i++
    } else if (c === ';' || c === '{' || c === '}') {
      out.push({ text: c, quoted: false, line })
      i++
    } else if (c === '"' || c === "'") {
      const start = line
      let word = ''
      for (i++; text[i] !== c; i++) {
        if (i >= text.length) throw new ConfigError(`unexpected end of file, expecting "${c === '"' ? '"' : "'"}" in ${file}:${start}`)
        if (text[i] === '\\' && i + 1 < text.length) {
          const next = text[++i]!
          word += next === 'n' ? '\n' : next === 't' ? '\t' : next === 'r' ? '\r' : next === c || next === '\\' ? next : `\\${next}`
          continue
        }
        if (text[i] === '\n') line++
        word += text[i]
      }
      i++
      out.push({ text: word, quoted: true, line: start })
    } else {
      let word = ''
      while (i < text.length && !/[\s;]/.test(text[i]!) && !(text[i] === '{' && word.at(-1) !== '$')) {
        if (text[i] === '\\' && i + 1 < text.length) word += text[i++]
        word += text[i++]
        // ${name} belongs to the word.
        if (word.endsWith('${')) while (i < text.length && text[i - 1] !== '}') word += text[i++]
      }
      out.push({ text: word, quoted: false, line })
    }
  }
  return out
}
