import { networkOf, tryParseCidr } from '../network/address.ts'
import { FaultError, OUTSIDE, type FaultArguments, type FaultKind, type FaultWorld, type Place } from './fault.ts'

/** "packet-loss A B [--loss PERCENT]" */
export function usageOf(kind: FaultKind): string {
  const places = kind.places.filter((p) => p === 'MACHINE').length > 1 ? kind.places.map((p, i) => (p === 'MACHINE' ? 'AB'[i]! : p)) : kind.places
  return [kind.name, ...places, ...kind.options.map((o) => `[--${o.name} ${o.value}]`)].join(' ')
}

/** Reads the words after a fault's name. Throws {@link FaultError}. */
export function parseArguments(world: FaultWorld, kind: FaultKind, words: readonly string[]): FaultArguments {
  const places: string[] = []
  const options: Record<string, string> = Object.fromEntries(kind.options.map((o) => [o.name, o.preset]))
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (!word.startsWith('-')) {
      places.push(word)
      continue
    }
    const [name, inline] = word.slice(2).split(/=(.*)/s) as [string, string?]
    const option = word.startsWith('--') ? kind.options.find((o) => o.name === name) : undefined
    if (!option) {
      const allowed = kind.options.length === 0 ? `${kind.name} has no options` : `allowed: ${kind.options.map((o) => `--${o.name} ${o.value}`).join(', ')}`
      throw new FaultError(`unknown option "${word}"; ${allowed}`)
    }
    const value = inline ?? words[++i]
    if (value === undefined || value === '') throw new FaultError(`--${option.name} needs a value: ${option.about}`)
    options[option.name] = value
  }
  if (places.length !== kind.places.length) {
    const wanted = kind.places.length === 0 ? 'no arguments' : kind.places.length === 1 ? 'one argument' : `${kind.places.length} arguments`
    throw new FaultError(`${kind.name} takes ${wanted}: ${usageOf(kind)}`)
  }
  const read = places.map((place, i) => readPlace(world, kind.places[i]!, place))
  if (kind.symmetric) {
    if (read[0] === read[1]) throw new FaultError(`${kind.name} is about the wire between two machines, and ${read[0]} was given twice`)
    read.sort((a, b) => rank(world, a) - rank(world, b))
  }
  return { places: read, options }
}

/** The order of the cluster file, so that worker-2 comes before worker-10; the outside comes last. */
function rank(world: FaultWorld, name: string): number {
  const at = [...world.nodes.keys()].indexOf(name)
  return at < 0 ? Infinity : at
}

function readPlace(world: FaultWorld, place: Place, word: string): string {
  if (place === 'CIDR') {
    const prefix = tryParseCidr(word)
    if (!prefix) throw new FaultError(`"${word}" is no prefix; expected one such as 10.244.2.0/24 (0.0.0.0/0 is the default route)`)
    return networkOf(word)
  }
  if (world.nodes.has(word) || (place === 'MACHINE' && word === OUTSIDE)) return word
  const allowed = [...world.nodes.keys(), ...(place === 'MACHINE' ? [OUTSIDE] : [])]
  throw new FaultError(`there is no node "${word}"; allowed: ${allowed.length > 12 ? `${allowed.slice(0, 12).join(', ')} and ${allowed.length - 12} more` : allowed.join(', ')}`)
}

/** "20%" or "20" → 0.2 */
export function percent(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)%?$/.exec(text)
  const value = match ? Number(match[1]) : NaN
  if (!(value > 0 && value <= 100)) throw new FaultError(`--${option} ${text}: expected more than 0% and at most 100%`)
  return value / 100
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** "200ms", "1.5s" → ms */
export function duration(option: string, text: string, most: number): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text)
  const ms = match ? Number(match[1]) * UNITS[match[2]!]! : NaN
  if (!(ms > 0 && ms <= most)) throw new FaultError(`--${option} ${text}: expected a duration such as 200ms or 2s, at most ${most >= 60_000 ? `${most / 60_000}m` : `${most / 1000}s`}`)
  return ms
}

export function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN
  if (!(value >= least && value <= most)) throw new FaultError(`--${option} ${text}: expected a whole number from ${least} to ${most}`)
  return value
}
