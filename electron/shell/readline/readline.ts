import { functionBinding, Keymap, type Binding } from './keymap.ts'
import { parseKeyName, parseSequence } from './sequences.ts'
import { Variables } from './variables.ts'

/** Reads a file of $include; undefined: it cannot be read. */
export type ReadFile = (path: string) => string | undefined

/** What a shell's line editor is told by an inputrc and by `bind`: keys and variables. */
export class Readline {
  readonly keymap = new Keymap()
  readonly variables = new Variables()
  /** The inputrc was read. */
  initialized = false

  /** An inputrc; the messages are those of readline, on standard error. */
  readFile(text: string, name: string, read: ReadFile): string[] {
    const messages: string[] = []
    /** For each $if that is open, whether its lines count. */
    const open: boolean[] = []
    for (const [i, raw] of text.split('\n').entries()) {
      const line = raw.trim()
      if (line === '' || line.startsWith('#')) continue
      const place = `${name}: line ${i + 1}: `
      const directive = /^\$\s*(\S*)\s*(.*)$/.exec(line)
      if (directive) {
        const [, word, rest] = directive as unknown as [string, string, string]
        if (word === 'if') open.push(!open.includes(false) && isTrue(rest))
        else if (word === 'else') {
          if (open.length === 0) messages.push(`readline: ${place}$else found without matching $if`)
          else if (!open.slice(0, -1).includes(false)) open.push(!open.pop()!)
        } else if (word === 'endif') {
          if (open.pop() === undefined) messages.push(`readline: ${place}$endif without matching $if`)
        } else if (word === 'include') {
          if (!open.includes(false)) {
            const included = read(rest)
            if (included !== undefined) messages.push(...this.readFile(included, rest, read))
          }
        } else messages.push(`readline: ${place}${word}: unknown parser directive`)
      } else if (!open.includes(false)) messages.push(...this.line(line, place))
    }
    return messages
  }

  /** One line: `set NAME VALUE`, `"KEYS": WHAT` or `KEYNAME: WHAT`. */
  line(given: string, place = ''): string[] {
    const line = given.trim()
    if (line === '' || line.startsWith('#')) return []
    const set = /^set(?:\s+(\S+)(?:\s+(.*?))?\s*)?$/i.exec(line)
    if (set) {
      const value = (set[2] ?? '').replace(/^"([^"]*)"$/, '$1')
      const refused = this.variables.set(set[1] ?? '', set[1] === 'bell-style' || !/\s/.test(value) ? value : value)
      if (!refused) return []
      if (refused.kind === 'not simulated') return [`podhop: not simulated: readline's variable ${refused.name} with this value`]
      return [`readline: ${place}${refused.kind === 'unknown' ? `${refused.name}: unknown variable name` : `${refused.name}: could not set value to \`${set[2] ?? ''}'`}`]
    }
    const parts = split(line)
    if ('error' in parts) return [`readline: ${place}${parts.error}`]
    const binding = bindingOf(parts.what)
    if (binding) this.keymap.bind(parts.keys, binding)
    else this.keymap.unbind(parts.keys)
    return []
  }
}

/** Keys and what they are to do. */
function split(line: string): { keys: string; what: string } | { error: string } {
  if (line.startsWith('"')) {
    const end = closing(line, 0)
    if (end < 0) return { error: `${line}: no closing \`"' in key binding` }
    const rest = /^\s*:\s*([^]*)$/.exec(line.slice(end + 1))
    return rest ? { keys: parseSequence(line.slice(1, end)), what: rest[1]! } : { error: `${line}: no key sequence terminator` }
  }
  if (line.startsWith(':')) return { error: `\`${line}': invalid key binding: missing key sequence` }
  const colon = line.indexOf(':', 1)
  if (colon < 0) return { error: `${line}: no key sequence terminator` }
  const name = line.slice(0, colon).trim()
  const quoted = /^'(.*)'$/.exec(name)
  return { keys: quoted ? parseSequence(quoted[1]!) : parseKeyName(name), what: line.slice(colon + 1).trim() }
}

function bindingOf(what: string): Binding | undefined {
  const quote = what[0]
  if (quote === '"' || quote === "'") {
    const end = closing(what, 0)
    return { kind: 'macro', text: parseSequence(what.slice(1, end < 0 ? undefined : end)) }
  }
  return functionBinding(/^\S*/.exec(what)![0])
}

/** Where the quote ends that begins at `from`; -1: nowhere. */
export function closing(text: string, from: number): number {
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === text[from]) return i
  }
  return -1
}

/** $if: the mode, the terminal or the program. */
function isTrue(test: string): boolean {
  const [, name, value] = /^(\w+)\s*==?\s*(\S+)/.exec(test) ?? []
  if (name === undefined) return test.toLowerCase() === 'bash'
  if (name === 'mode') return value === 'emacs'
  if (name === 'term') return value === 'xterm' || value === 'xterm-256color'
  return name === 'editing-mode' && value === 'emacs'
}
