/**
 * getopt_long(3): short options in any place among the operands, long ones by any beginning that only one has. `spec` marks those
 * with a value by a colon: "c:ni:". A failure carries the words of GNU's library.
 */
export interface Getopt {
  options: { name: string; value: string }[]
  operands: string[]
}

export function getopt(args: readonly string[], spec: string, long: Readonly<Record<string, string>> = {}): Getopt | { invalid: string; text: string } | { missing: string; text: string } {
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
      const found = Object.hasOwn(long, word) ? [word] : Object.keys(long).filter((l) => l.startsWith(word))
      const name = long[found[0] ?? '']
      if (name === undefined) return { invalid: arg, text: `unrecognized option '${arg}'` }
      if (found.some((l) => long[l] !== name)) return { invalid: arg, text: `option '${arg}' is ambiguous; possibilities: ${found.map((l) => `'--${l}'`).join(' ')}` }
      if (inline !== undefined && !takesValue(name)) return { invalid: arg, text: `option '--${found[0]}' doesn't allow an argument` }
      const value = takesValue(name) ? (inline ?? args[++i]) : ''
      if (value === undefined) return { missing: found[0]!, text: `option '--${found[0]}' requires an argument` }
      out.options.push({ name, value })
      continue
    }
    if (!arg.startsWith('-') || arg === '-') {
      out.operands.push(arg)
      continue
    }
    for (let k = 1; k < arg.length; k++) {
      const name = arg[k]!
      if (name === ':' || !spec.includes(name)) return { invalid: name, text: `invalid option -- '${name}'` }
      if (!takesValue(name)) {
        out.options.push({ name, value: '' })
        continue
      }
      const value = k + 1 < arg.length ? arg.slice(k + 1) : args[++i]
      if (value === undefined) return { missing: name, text: `option requires an argument -- '${name}'` }
      out.options.push({ name, value })
      break
    }
  }
  return out
}
