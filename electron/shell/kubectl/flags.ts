import { KubectlError } from './errors.ts'

/**
 * Flags as spf13/pflag reads them, described by lines such as "-o --output string" or "--wait bool=true".
 * After the type and default: `?value` is what the flag means without a value (NoOptDefVal); `~` says that kubectl has
 * the flag and Podhop does not simulate it; `-` that it changes nothing here by its nature; `!` that kubectl hides it,
 * as deprecated.
 */
export type FlagType = 'bool' | 'string' | 'int' | 'int32' | 'duration' | 'slice' | 'array' | 'map'

export interface Flag {
  name: string
  short?: string
  type: FlagType
  /** As --help shows it. */
  initial: string
  /** The value when it is given without one. */
  bare?: string
  simulated: boolean
  /** Works, warns, and is in no help text. */
  deprecated: boolean
}

export class FlagError extends KubectlError {
  override name = 'FlagError'
}

const LINE = /^(?:-(\w) )?--([\w-]+) (bool|string|int32|int|duration|slice|array|map)(?:=(\S*?))?(?:\?(\S+))?( [~!-])?$/

export function flags(...texts: string[]): Flag[] {
  const found = new Map<string, Flag>()
  for (const line of texts.join('\n').split('\n')) {
    if (line.trim() === '') continue
    const match = LINE.exec(line.trim())
    if (!match) throw new Error(`flag line: ${line}`)
    const [, short, name, kind, initial, bare, mark] = match
    const type = kind as FlagType
    found.set(name!, {
      name: name!,
      short,
      type,
      initial: initial ?? { bool: 'false', string: '', int: '0', int32: '0', duration: '0s', slice: '', array: '', map: '' }[type],
      bare: bare ?? (type === 'bool' ? 'true' : undefined),
      simulated: mark !== ' ~',
      deprecated: mark === ' !',
    })
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Maps of a Go type of their own, which the help shows without brackets and which are taken apart elsewhere. */
export const OTHER_MAPS: readonly string[] = ['aggregation-rule', 'vmodule']

/** ParseBool of Go's strconv. */
export function parseBool(text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false
  return undefined
}

const UNITS: Record<string, number> = { ns: 1e-6, us: 1e-3, 'µs': 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** What Go's time.ParseDuration says about text that is no duration. */
function durationProblem(text: string): string {
  const whole = JSON.stringify(text)
  let rest = text.replace(/^[+-]/, '')
  while (rest !== '') {
    const number = /^(\d+\.?\d*|\.\d+)/.exec(rest)?.[0]
    if (number === undefined) break
    rest = rest.slice(number.length)
    const unit = /^[^.\d]*/.exec(rest)![0]
    if (unit === '') return `time: missing unit in duration ${whole}`
    if (!['ns', 'us', 'µs', 'μs', 'ms', 's', 'm', 'h'].includes(unit)) return `time: unknown unit ${JSON.stringify(unit)} in duration ${whole}`
    rest = rest.slice(unit.length)
  }
  return `time: invalid duration ${whole}`
}

/** Go's time.ParseDuration, in ms; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  const match = /^([+-]?)((?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+)$/.exec(text)
  if (!match) return undefined
  let total = 0
  for (const part of match[2]!.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g)) total += Number(part[1]) * UNITS[part[2]!]!
  return match[1] === '-' ? -total : total
}

/** The fields of one CSV line, as Go's encoding/csv reads a slice flag's value. */
function csv(text: string): string[] {
  if (text === '') return []
  const out: string[] = []
  let field = ''
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (quoted) {
      if (c !== '"') field += c
      else if (text[i + 1] === '"') field += text[++i]!
      else quoted = false
    } else if (c === '"' && field === '') quoted = true
    else if (c === ',') {
      out.push(field)
      field = ''
    } else field += c
  }
  return [...out, field]
}

export class FlagSet {
  readonly #flags: readonly Flag[]
  readonly #values = new Map<string, string[]>()
  readonly args: string[] = []
  /** How many arguments stood before "--", or -1 without one (cobra's ArgsLenAtDash). */
  dash = -1

  constructor(declared: readonly Flag[]) {
    this.#flags = declared
  }

  /** Reads a command line; flags and arguments may be mixed. Says whether "-h" or "--help" is among them. */
  parse(words: readonly string[]): boolean {
    let help = false
    for (let i = 0; i < words.length; i++) {
      const word = words[i]!
      if (word === '--') {
        this.dash = this.args.length
        this.args.push(...words.slice(i + 1))
        return help
      }
      if (word.startsWith('--')) {
        const at = word.indexOf('=')
        const name = at < 0 ? word.slice(2) : word.slice(2, at)
        if (name === '' || name.startsWith('-')) throw new FlagError(`bad flag syntax: ${word}`)
        const flag = this.#flags.find((f) => f.name === name)
        if (!flag) {
          if (name !== 'help') throw new FlagError(`unknown flag: --${name}`)
          help = at < 0 || parseBool(word.slice(at + 1)) === true
          continue
        }
        if (at >= 0) this.#set(flag, word.slice(at + 1))
        else if (flag.bare !== undefined) this.#set(flag, flag.bare)
        else if (i + 1 < words.length) this.#set(flag, words[++i]!)
        else throw new FlagError(`flag needs an argument: --${name}`)
      } else if (word.startsWith('-') && word.length > 1) {
        for (let at = 1; at < word.length; at++) {
          const letter = word[at]!
          const flag = this.#flags.find((f) => f.short === letter)
          if (!flag) {
            if (letter === 'h') {
              help = true
              continue
            }
            throw new FlagError(`unknown shorthand flag: '${letter}' in -${word.slice(at)}`)
          }
          const rest = word.slice(at + 1)
          if (rest.startsWith('=') && rest.length > 1) this.#set(flag, rest.slice(1))
          else if (flag.bare !== undefined) {
            this.#set(flag, flag.bare)
            continue
          } else if (rest !== '') this.#set(flag, rest)
          else if (i + 1 < words.length) this.#set(flag, words[++i]!)
          else throw new FlagError(`flag needs an argument: '${letter}' in -${letter}`)
          break
        }
      } else this.args.push(word)
    }
    return help
  }

  #set(flag: Flag, value: string): void {
    const bad = (why: string): never => {
      const name = flag.short ? `-${flag.short}, --${flag.name}` : `--${flag.name}`
      throw new FlagError(`invalid argument ${JSON.stringify(value)} for "${name}" flag: ${why}`)
    }
    if (flag.type === 'bool' && parseBool(value) === undefined) bad(`strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`)
    if (flag.type === 'int' || flag.type === 'int32') {
      if (!/^[+-]?\d+$/.test(value)) bad(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`)
      const number = BigInt(value.replace('+', ''))
      if (number !== (flag.type === 'int' ? BigInt.asIntN(64, number) : BigInt.asIntN(32, number))) bad(`strconv.ParseInt: parsing ${JSON.stringify(value)}: value out of range`)
    }
    // klog's flag comes by way of Go's package flag
    if (flag.type === 'duration' && parseDuration(value) === undefined) bad(flag.name === 'log-flush-frequency' ? 'parse error' : durationProblem(value))
    const pairs = flag.type === 'map' && !OTHER_MAPS.includes(flag.name) ? csv(value) : undefined
    const odd = pairs?.find((pair) => !pair.includes('='))
    if (odd !== undefined) bad(`${odd} must be formatted as key=value`)
    if (flag.name === 'aggregation-rule' && value.split(',').some((pair) => pair !== '' && !pair.includes('='))) bad('malformed pair, expect string=string')
    const former = this.#values.get(flag.name)
    if (flag.type === 'slice' || pairs) this.#values.set(flag.name, [...(former ?? []), ...(pairs ?? csv(value))])
    else if (flag.type === 'array' || flag.type === 'map') this.#values.set(flag.name, [...(former ?? []), value])
    else this.#values.set(flag.name, [value])
  }

  #flag(name: string): Flag {
    const flag = this.#flags.find((f) => f.name === name)
    if (!flag) throw new Error(`no flag --${name}`)
    return flag
  }
  has(name: string): boolean {
    return this.#flags.some((f) => f.name === name)
  }
  /** Whether the command line named it. */
  changed(name: string): boolean {
    return this.#values.has(name)
  }
  /** What the command line set, in its order. */
  given(): [name: string, value: string][] {
    return [...this.#values].flatMap(([name, values]) => values.map((value): [string, string] => [name, value]))
  }
  string(name: string): string {
    return this.#values.get(name)?.[0] ?? this.#flag(name).initial
  }
  /** The value of a flag of every command; empty when the command has one of its own by that name. */
  global(name: string): string {
    return this.isGlobal(name) ? this.string(name) : ''
  }
  isGlobal(name: string): boolean {
    return GLOBAL_FLAGS.includes(this.#flag(name))
  }
  bool(name: string): boolean {
    return parseBool(this.string(name)) ?? false
  }
  int(name: string): number {
    return Number(this.string(name))
  }
  /** In ms. */
  duration(name: string): number {
    return parseDuration(this.string(name)) ?? 0
  }
  list(name: string): readonly string[] {
    return this.#values.get(name) ?? csv(this.#flag(name).initial)
  }
  /** Those on the command line that kubectl will drop one day. */
  deprecated(): Flag[] {
    return this.#flags.filter((f) => f.deprecated && this.changed(f.name))
  }
  /** The first flag on the command line that is not simulated. */
  notSimulated(): Flag | undefined {
    return this.#flags.find((f) => !f.simulated && this.changed(f.name) && !(f.type === 'bool' && this.bool(f.name) === (f.initial === 'true')))
  }
}

export const GLOBAL_FLAGS = flags(`
  --as string
  --as-group array
  --as-uid string
  --cache-dir string=/root/.kube/cache -
  --certificate-authority string
  --client-certificate string
  --client-key string
  --cluster string
  --context string
  --disable-compression bool -
  --insecure-skip-tls-verify bool
  --kubeconfig string
  --log-flush-frequency duration=5s -
  --match-server-version bool -
  -n --namespace string
  --password string
  --profile string=none ~
  --profile-output string=profile.pprof -
  --request-timeout string=0
  -s --server string
  --tls-server-name string ~
  --token string
  --user string
  --username string
  -v --v int
  --vmodule map ~
  --warnings-as-errors bool
`)

export const FILENAME_FLAGS = `
  -f --filename slice
  -k --kustomize string
  -R --recursive bool
`
export const TEMPLATE_FLAGS = `
  --allow-missing-template-keys bool=true
  --show-managed-fields bool
  --template string
`
export const PRINT_FLAGS = `
  ${TEMPLATE_FLAGS}
  -o --output string
`
/** What is written down as the cause of a change. */
export const RECORD_FLAG = `
  --record bool !
`
export const DRY_RUN_FLAG = `
  --dry-run string=none?unchanged
`
export const VALIDATE_FLAG = `
  --validate string=strict?strict
`
export const SELECTOR_FLAG = `
  -l --selector string
`
export const FIELD_SELECTOR_FLAG = `
  --field-selector string
`
