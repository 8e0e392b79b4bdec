/** Go's flag package: -name=value, -name value, --name; "--" ends the flags. */
export interface FlagSpec {
  name: string
  kind: 'string' | 'bool' | 'int'
}

export type FlagResult = { values: Map<string, string>; rest: string[] } | { error: string; help?: true }

export function parseGoFlags(args: readonly string[], specs: readonly FlagSpec[]): FlagResult {
  const values = new Map<string, string>()
  let i = 0
  for (; i < args.length; i++) {
    const arg = args[i]!
    if (!arg.startsWith('-') || arg === '-') break
    if (arg === '--') {
      i++
      break
    }
    const body = arg.replace(/^--?/, '')
    const at = body.indexOf('=')
    const name = at < 0 ? body : body.slice(0, at)
    const spec = specs.find((s) => s.name === name)
    if (name === '' || name.startsWith('-')) return { error: `bad flag syntax: ${arg}` }
    // flag.ErrHelp: the usage alone, and status 0
    if (!spec && (name === 'h' || name === 'help')) return { error: 'flag: help requested', help: true }
    if (!spec) return { error: `flag provided but not defined: -${name}` }
    let value = at < 0 ? undefined : body.slice(at + 1)
    if (value === undefined && spec.kind === 'bool') value = 'true'
    if (value === undefined) {
      value = args[++i]
      if (value === undefined) return { error: `flag needs an argument: -${name}` }
    }
    if (spec.kind === 'int' && !/^-?\d+$/.test(value)) return { error: `invalid value "${value}" for flag -${name}: parse error` }
    if (spec.kind === 'bool' && !/^(1|0|t|f|T|F|true|false|TRUE|FALSE|True|False)$/.test(value)) return { error: `invalid boolean value "${value}" for -${name}: parse error` }
    values.set(name, value)
  }
  return { values, rest: args.slice(i) }
}
