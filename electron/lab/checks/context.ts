import type { Cluster } from '../../engine/cluster.ts'
import type { Condition, Range } from '../model.ts'
import { JsonPath, printResults } from '../../shell/kubectl/jsonpath.ts'
import { glob } from '../transcript.ts'

/** What a check may look at. */
export interface CheckContext {
  cluster: Cluster
  /** Journeys with a higher id were made since the step began. */
  journeysAfter: number
  answers: ReadonlyMap<string, string>
  /** `{{name}}` values that earlier checks remembered. */
  variables: ReadonlyMap<string, string>
}

export type CheckResult = { passed: true; remembered?: object } | { passed: false; found: string }

export const passed = (remembered?: object): CheckResult => ({ passed: true, ...(remembered ? { remembered } : {}) })
export const failing = (found: string): CheckResult => ({ passed: false, found })

/** Puts remembered values in place of `{{name}}`. */
export function fill(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\{\{([a-z0-9-]+)\}\}/g, (whole, name: string) => variables.get(name) ?? whole)
}

/** As `kubectl get -o jsonpath` prints it; empty when there is nothing. */
export function valueText(object: object, path: string): string {
  return printResults(new JsonPath(path).find(object), false)
}

/** Undefined when the object fulfils the condition, else what its value is instead. */
export function unmet(object: object, condition: Condition, variables: ReadonlyMap<string, string>): string | undefined {
  const value = valueText(object, condition.path)
  const same = (want: string | number | boolean): boolean => value === fill(String(want), variables)
  const ok =
    (condition.equals === undefined || same(condition.equals)) &&
    (condition.not === undefined || (value !== '' && !same(condition.not))) &&
    (condition.matches === undefined || new RegExp(condition.matches).test(value)) &&
    (condition.atLeast === undefined || (value !== '' && Number(value) >= condition.atLeast)) &&
    (condition.atMost === undefined || (value !== '' && Number(value) <= condition.atMost)) &&
    (condition.exists === undefined || (value !== '') === condition.exists)
  return ok ? undefined : `${fieldName(condition.path.slice(2, -1))} is ${value === '' ? 'not set' : value}`
}

/** A field as a sentence names it: the status of a condition is the condition itself. */
function fieldName(path: string): string {
  const type = /^status\.conditions\[\?\(@\.type==["'](\w+)["']\)\]\.status$/.exec(path)?.[1]
  return type === undefined ? path : `condition ${type}`
}

export function inRange(count: number, range: Range): boolean {
  return (range.equals === undefined || count === range.equals) && count >= (range.atLeast ?? 0) && count <= (range.atMost ?? Infinity)
}

export function rangeText(range: Range): string {
  if (range.equals !== undefined) return `${range.equals}`
  if (range.atLeast !== undefined && range.atMost !== undefined) return `${range.atLeast} to ${range.atMost}`
  return range.atMost !== undefined ? `at most ${range.atMost}` : `at least ${range.atLeast ?? 0}`
}

export function like(text: string | undefined, pattern: string | undefined, variables: ReadonlyMap<string, string>): boolean {
  return pattern === undefined || (text !== undefined && glob(fill(pattern, variables)).test(text))
}
