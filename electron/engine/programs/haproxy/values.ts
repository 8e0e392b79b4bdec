import type { Secret } from '../../kubernetes/types.ts'
import type { Headers } from '../http/message.ts'

/** How kubernetes-ingress reads its annotations (pkg/annotations/common, pkg/utils). */
export const PREFIXES = ['haproxy.org/', 'ingress.kubernetes.io/', 'haproxy.com/']

export type Values = Readonly<Record<string, string>>
/** The value of an annotation, by its name without the prefix. */
export type Get = (short: string) => string | undefined
/** Says what is wrong with an annotation. */
export type Wrong = (short: string, text: string) => void

/** What the rules of one Ingress, or of the ConfigMap, are made of. */
export interface RuleSurroundings {
  of: Get
  wrong: Wrong
  warn(text: string): void
  lacks(text: string): void
  secret(path: string): Secret | undefined
  /** The Ingress has spec.tls. */
  tls: boolean
  /** "default-web", or "Global". */
  group: string
}

/** Of an object's annotations; an empty value is none. */
export function annotated(annotations: Values | undefined, short: string): string | undefined {
  return PREFIXES.map((prefix) => annotations?.[prefix + short]).find((value) => value !== undefined && value !== '')
}

/** GetBoolValue: strconv.ParseBool's words, and those that are deprecated. Undefined where it is not set, or wrong. */
export function truth(of: Get, short: string, wrong: Wrong, warn: (text: string) => void): boolean | undefined {
  const text = of(short)
  if (text === undefined) return undefined
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true
  if (/^(0|f|F|FALSE|false|False)$/.test(text)) return false
  if (/^(enabled|on|disabled|off)$/i.test(text)) {
    warn(`${short} - [${text}] is DEPRECATED, use "true" or "false"`)
    return /^(enabled|on)$/i.test(text)
  }
  wrong(short, `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`)
  return undefined
}

/** strconv.ParseInt. */
export function integer(of: Get, short: string, wrong: Wrong, call = 'ParseInt'): number | undefined {
  const text = of(short)
  if (text === undefined) return undefined
  if (/^[+-]?[0-9]+$/.test(text)) return Number(text)
  wrong(short, `strconv.${call}: parsing ${JSON.stringify(text)}: invalid syntax`)
  return undefined
}

const UNITS: readonly [suffix: string, factor: number][] = [['ms', 1], ['s', 1000], ['m', 60_000], ['h', 3_600_000], ['d', 86_400_000]]

/** ParseTime: "10s", "500ms", "1m"; a number alone is ms. */
export function time(of: Get, short: string, wrong: Wrong): number | undefined {
  const text = of(short)
  if (text === undefined) return undefined
  const unit = UNITS.find(([suffix]) => text.endsWith(suffix))
  const digits = unit ? text.slice(0, -unit[0].length) : text
  const count = integer(() => digits, short, wrong)
  return count === undefined ? undefined : count * (unit?.[1] ?? 1)
}

/** request-set-header and response-set-header: a name, one space, and a value to the line's end; a line without one ends it. */
export function headerLines(of: Get, short: string, wrong: Wrong): Headers {
  const out: Headers = []
  for (const line of (of(short) ?? '').split('\n')) {
    if (line === '') continue
    const at = line.indexOf(' ')
    if (at < 0) {
      wrong(short, `incorrect value '${line}' in request-set-header annotation`)
      break
    }
    // the controller puts the value in quotes; those that are in it end them, and what stands between is joined
    out.push([line.slice(0, at), line.slice(at + 1).trim().replaceAll('"', '')])
  }
  return out
}

/** "namespace/name", or a name of `namespace`. */
export function secretPath(text: string, namespace: string): [namespace: string, name: string] {
  const [first = '', second] = text.split('/')
  return second === undefined ? [namespace, first] : [first, second]
}
