import type { StatusError } from '../client.ts'
import { quote } from '../json.ts'
import { badRequest } from '../status.ts'

/** The query of a request target: application/x-www-form-urlencoded, as net/url's ParseQuery reads it. */
export class Query {
  readonly #values = new Map<string, string[]>()

  constructor(text: string) {
    for (const pair of text.split('&')) {
      if (pair === '') continue
      const at = pair.indexOf('=')
      const name = unescape(at < 0 ? pair : pair.slice(0, at))
      const value = unescape(at < 0 ? '' : pair.slice(at + 1))
      const values = this.#values.get(name)
      if (values) values.push(value)
      else this.#values.set(name, [value])
    }
  }

  get(name: string): string | undefined {
    return this.#values.get(name)?.[0]
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  /** Absent is false; anything but "false" and "0" is true, as queryparams decodes it. */
  flag(name: string): boolean {
    const value = this.get(name)
    return value !== undefined && value !== 'false' && value !== '0'
  }

  /** An int64, undefined when it is absent. Throws a StatusError for what strconv.ParseInt refuses. */
  number(name: string): number | undefined {
    const value = this.get(name)
    if (value === undefined) return undefined
    const refused = (why: string): StatusError => badRequest(`strconv.ParseInt: parsing ${quote(value)}: ${why}`)
    if (!/^[-+]?\d+$/.test(value)) throw refused('invalid syntax')
    if (BigInt.asIntN(64, BigInt(value.replace('+', ''))) !== BigInt(value.replace('+', ''))) throw refused('value out of range')
    return Number(value)
  }
}

/** What cannot be decoded stays as it was sent. */
export function unescape(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}
