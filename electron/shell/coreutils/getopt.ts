import { byName } from '../../engine/own.ts'
import { Failure, tool } from './command.ts'

/** getopt(1) of util-linux: a script's arguments in the one order, quoted for `eval set --`. */

interface Known { short: Map<string, '' | ':' | '::'>; long: Map<string, '' | ':' | '::'> }

function marked(text: string): [string, '' | ':' | '::'] {
  const marks = /:{0,2}$/.exec(text)![0] as '' | ':' | '::'
  return [text.slice(0, text.length - marks.length), marks]
}

tool('getopt', 'raw', function* (run) {
  const args = [...run.options.operands]
  const own = new Set<string>()
  let shorts: string | undefined
  const longs: string[] = []
  let name = 'getopt'
  const OWN: Readonly<Record<string, string>> = byName({ options: 'o', longoptions: 'l', name: 'n', quiet: 'q', 'quiet-output': 'Q', unquoted: 'u', alternative: 'a', shell: 's', test: 'T' })
  if (args.length === 0) throw new Failure('missing optstring argument', 2, true)
  while (args[0]?.startsWith('-')) {
    const arg = args.shift()!
    if (arg === '--') break
    const [, word, attached] = /^--([a-z-]+)(?:=(.*))?$/s.exec(arg) ?? []
    const letter = word === undefined ? arg[1]! : OWN[word]
    if (letter === undefined) throw new Failure(`unrecognized option '${arg}'`, 2, true)
    if ('qQuaT'.includes(letter)) own.add(letter)
    else if ('olns'.includes(letter)) {
      const value = attached ?? (word === undefined && arg.length > 2 ? arg.slice(2) : args.shift())
      if (value === undefined) throw new Failure(`option requires an argument -- '${letter}'`, 2, true)
      if (letter === 'o') shorts = value
      else if (letter === 'l') longs.push(...value.split(/[,\s]+/).filter((l) => l !== ''))
      else if (letter === 'n') name = value
    } else throw new Failure(`invalid option -- '${letter}'`, 2, true)
  }
  if (own.has('T')) return 4
  // The old form: no options of its own, and nothing is quoted.
  const compatible = shorts === undefined
  if (shorts === undefined) {
    shorts = args.shift()
    if (shorts === undefined) throw new Failure('missing optstring argument', 2, true)
    if (args[0] === '--') args.shift()
    name = 'getopt'
  }
  const order = /^[-+]/.exec(shorts)?.[0] ?? ''
  const known: Known = { short: new Map(), long: new Map(longs.map(marked)) }
  for (const [, letter, marks] of shorts.slice(order.length).matchAll(/([^:])(:{0,2})/g)) known.short.set(letter!, marks as '' | ':' | '::')
  const quote = (text: string): string => (compatible || own.has('u') ? text : `'${text.replace(/'/g, "'\\''")}'`)
  const { out, errors } = sorted(args, known, order, quote, own.has('a'))
  if (!own.has('q')) for (const error of errors) yield* run.process.printError(`${name}: ${error}\n`)
  if (!own.has('Q')) yield* run.print(out + '\n')
  return errors.length > 0 ? 1 : 0
})

function sorted(args: readonly string[], known: Known, order: string, quote: (text: string) => string, singleDash: boolean): { out: string; errors: string[] } {
  let options = ''
  const rest: string[] = []
  const errors: string[] = []
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--') {
      rest.push(...args.slice(i + 1))
      break
    }
    const isLong = arg.startsWith('--') || (singleDash && /^-[^-]./.test(arg) && known.long.has(arg.slice(1).split('=')[0]!))
    if (isLong) {
      const [given = '', ...values] = arg.replace(/^--?/, '').split('=')
      const matches = known.long.has(given) ? [given] : [...known.long.keys()].filter((l) => l.startsWith(given))
      const value = values.length > 0 ? values.join('=') : undefined
      if (matches.length !== 1) {
        errors.push(matches.length === 0 ? `unrecognized option '--${given}'` : `option '${arg}' is ambiguous; possibilities: ${matches.map((m) => `'--${m}'`).join(' ')}`)
        continue
      }
      const [name] = matches
      const marks = known.long.get(name!)!
      if (marks === '' && value !== undefined) errors.push(`option '--${name}' doesn't allow an argument`)
      else if (marks === ':' && value === undefined && args[i + 1] === undefined) errors.push(`option '--${name}' requires an argument`)
      else options += ` --${name}${marks === '' ? '' : ` ${quote(value ?? (marks === ':' ? args[++i]! : ''))}`}`
      continue
    }
    if (!/^-./s.test(arg)) {
      if (order === '+') {
        rest.push(...args.slice(i))
        break
      }
      if (order === '-') options += ` ${quote(arg)}`
      else rest.push(arg)
      continue
    }
    for (let k = 1; k < arg.length; k++) {
      const letter = arg[k]!
      const marks = known.short.get(letter)
      if (marks === undefined) {
        errors.push(`invalid option -- '${letter}'`)
        continue
      }
      if (marks === '') {
        options += ` -${letter}`
        continue
      }
      const attached = arg.slice(k + 1)
      if (attached === '' && marks === ':' && args[i + 1] === undefined) errors.push(`option requires an argument -- '${letter}'`)
      else options += ` -${letter} ${quote(attached || (marks === ':' ? args[++i]! : ''))}`
      break
    }
  }
  return { out: `${options} --${rest.map((r) => ` ${quote(r)}`).join('')}`, errors }
}
