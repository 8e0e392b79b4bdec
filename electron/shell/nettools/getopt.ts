/** getopt(3): short options in any place among the operands. `spec` marks those with a value by a colon: "c:ni:". */
export interface Getopt {
  options: { name: string; value: string }[]
  operands: string[]
}

export function getopt(args: readonly string[], spec: string, long: Readonly<Record<string, string>> = {}): Getopt | { invalid: string } | { missing: string } {
  const takesValue = (name: string): boolean => spec[spec.indexOf(name) + 1] === ':'
  const out: Getopt = { options: [], operands: [] }
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--') {
      out.operands.push(...args.slice(i + 1))
      break
    }
    if (arg.startsWith('--')) {
      const [word, inline] = arg.slice(2).split(/=(.*)/s) as [string, string?]
      const name = long[word]
      if (name === undefined) return { invalid: arg }
      const value = takesValue(name) ? (inline ?? args[++i]) : ''
      if (value === undefined) return { missing: word }
      out.options.push({ name, value })
      continue
    }
    if (!arg.startsWith('-') || arg === '-') {
      out.operands.push(arg)
      continue
    }
    for (let k = 1; k < arg.length; k++) {
      const name = arg[k]!
      if (name === ':' || !spec.includes(name)) return { invalid: name }
      if (!takesValue(name)) {
        out.options.push({ name, value: '' })
        continue
      }
      const value = k + 1 < arg.length ? arg.slice(k + 1) : args[++i]
      if (value === undefined) return { missing: name }
      out.options.push({ name, value })
      break
    }
  }
  return out
}
