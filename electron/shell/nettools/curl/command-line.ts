import { KNOWN } from './help.ts'
import { NEGATABLE, NOT_SIMULATED, OPTIONS } from './option-table.ts'
import { defaults, type CurlOptions } from './options.ts'

export type Parsed = { options: CurlOptions } | { error: string; code: number; warnings?: string[]; complaints?: string[] } | { show: 'help' | 'version'; category?: string | undefined } | { notSimulated: string }

const TRY = "curl: try 'curl --help' or 'curl --manual' for more information\n"

export function parseCurl(args: readonly string[]): Parsed {
  const options = defaults()
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--') {
      options.urls.push(...args.slice(i + 1))
      break
    }
    if (!arg.startsWith('-') || arg === '-') {
      options.urls.push(arg)
      continue
    }
    const names = arg.startsWith('--') ? [arg.slice(2)] : [...arg.slice(1)]
    for (let k = 0; k < names.length; k++) {
      const name = names[k]!
      const long = arg.startsWith('--')
      const shown = long ? `--${name}` : `-${name}`
      const which = long ? complete(name) : name
      if (which === undefined) return { error: `curl: option --${name}: is ambiguous\n${TRY}`, code: 2 }
      if (which === (long ? 'help' : 'h')) return { show: 'help', category: args[i + 1] }
      if (which === (long ? 'version' : 'V')) return { show: 'version' }
      const found = OPTIONS.find(([short, full]) => (long ? full === which : short === which && short !== ''))
      if (!found) {
        const off = long && which.startsWith('no-') ? NEGATABLE.get(which.slice(3)) : undefined
        if (off !== undefined) {
          Object.assign(options, { [off]: false })
          continue
        }
        if (which === 'http3' && long) return { error: `curl: option --http3: the installed libcurl version doesn't support this\n${TRY}`, code: 2 }
        const missing = NOT_SIMULATED.find(([short, full]) => (long ? full === which : short === which && short !== ''))
        if (missing) return { notSimulated: `curl ${long ? `--${which}` : shown} (use ${missing[2]})` }
        const known = KNOWN.find((o) => (long ? o.long === which.replace(/^no-(?!alpn|npn)/, '') || o.long === which : o.short === which))
        if (known) return { notSimulated: `curl ${long ? `--${which}` : shown} (use curl without it)` }
        return { error: `curl: option ${arg}: is unknown\n${TRY}`, code: 2 }
      }
      const [, , takesValue, set] = found
      let value = ''
      if (takesValue) {
        const rest = long ? '' : names.slice(k + 1).join('')
        k = names.length
        const given = rest !== '' ? rest : args[++i]
        if (given === undefined) return { error: `curl: option ${shown}: requires parameter\n${TRY}`, code: 2 }
        value = given
      }
      const refusal = set(options, value)
      if (refusal) return { error: `curl: option ${shown}: ${refusal}\n${TRY}`, code: 2, warnings: options.warnings, complaints: options.complaints }
    }
  }
  if (args.length === 0) return { error: TRY, code: 2 }
  if (options.urls.length === 0) return { error: `curl: no URL specified!\n${TRY}`, code: 2 }
  if (options.include && options.nameByHeader) return { error: `curl: showing headers and --remote-header-name cannot be combined\n${TRY}`, code: 2 }
  return { options }
}

/** A long option may be cut short where only one begins so; undefined: several do. */
function complete(name: string): string | undefined {
  if (KNOWN.some((o) => o.long === name) || OPTIONS.some(([, full]) => full === name) || name.startsWith('no-')) return name
  const [first, ...others] = KNOWN.filter((o) => o.long.startsWith(name))
  return others.length > 0 ? undefined : (first?.long ?? name)
}
