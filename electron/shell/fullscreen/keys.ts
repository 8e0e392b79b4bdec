/** What a terminal sends for keys that make no character, by the names used here (xterm's function keys). */
const SEQUENCES: Readonly<Record<string, string>> = {
  '[A': '<Up>', '[B': '<Down>', '[C': '<Right>', '[D': '<Left>', '[H': '<Home>', '[F': '<End>',
  OA: '<Up>', OB: '<Down>', OC: '<Right>', OD: '<Left>', OH: '<Home>', OF: '<End>',
  '[1~': '<Home>', '[4~': '<End>', '[7~': '<Home>', '[8~': '<End>', '[3~': '<Delete>', '[5~': '<PageUp>', '[6~': '<PageDown>', '[2~': '<Insert>',
}

/**
 * The keys in what was typed: a character each, or a name such as <Up>. An escape that begins none of the sequences
 * above is the key of that name; other sequences, and the marks of a bracketed paste, are dropped.
 */
export function keysOf(typed: string): string[] {
  const keys: string[] = []
  for (let rest = typed; rest !== '';) {
    const sequence = /^\x1b(O[ABCDFH]|\[[0-9;?]*[A-Za-z~])/.exec(rest)
    if (sequence) {
      const name = SEQUENCES[sequence[1]!]
      if (name) keys.push(name)
      rest = rest.slice(sequence[0].length)
      continue
    }
    const char = String.fromCodePoint(rest.codePointAt(0)!)
    keys.push(char === '\x1b' ? '<Esc>' : char === '\x7f' || char === '\b' ? '<Backspace>' : char)
    rest = rest.slice(char.length)
  }
  return keys
}

/** Ctrl with a letter. */
export function ctrl(letter: string): string {
  return String.fromCharCode(letter.toUpperCase().charCodeAt(0) & 31)
}
