import type { PolicyRule } from 'kubernetes-types/rbac/v1'
import { byBytes } from './objects.ts'

/**
 * Rules as describe and `auth can-i --list` show them: kubectl's pkg/util/rbac. Taken apart into single resources, put
 * together again by verb, and sorted as the text of Go's struct.
 */
interface SimpleRule {
  verbs: string[]
  group: string
  /** None: a rule of URLs. */
  resource: string | undefined
  name: string | undefined
  url: string | undefined
}

/** "pods.apps/log\t[]\t[]\t[get list]" */
export function ruleRows(rules: readonly PolicyRule[]): string[] {
  const compact: SimpleRule[] = []
  const byResource = new Map<string, SimpleRule>()
  for (const rule of rules.flatMap(breakDown)) {
    if (rule.url !== undefined) {
      compact.push(rule)
      continue
    }
    const key = [rule.group, rule.resource, rule.name ?? '', rule.name === undefined].join('\n')
    const present = byResource.get(key)
    if (!present) byResource.set(key, rule)
    else if (!present.verbs.includes(rule.verbs[0]!)) present.verbs.push(rule.verbs[0]!)
  }
  compact.push(...byResource.values())
  return compact.sort((a, b) => byBytes(sortKey(a), sortKey(b))).map(row)
}

function breakDown({ verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }: PolicyRule): SimpleRule[] {
  const out: SimpleRule[] = []
  const names = resourceNames.length > 0 ? resourceNames : [undefined]
  for (const group of apiGroups) {
    for (const resource of resources) for (const verb of verbs) for (const name of names) out.push({ verbs: [verb], group, resource, name, url: undefined })
  }
  for (const url of nonResourceURLs) for (const verb of verbs) out.push({ verbs: [verb], group: '', resource: undefined, name: undefined, url })
  return out
}

const bracketed = (value: string | undefined): string => `[${value ?? ''}]`

function sortKey({ verbs, group, resource, name, url }: SimpleRule): string {
  return `&PolicyRule{Verbs:[${verbs.join(' ')}],APIGroups:[${group}],Resources:${bracketed(resource)},ResourceNames:${bracketed(name)},NonResourceURLs:${bracketed(url)},}`
}

function row({ verbs, group, resource, name, url }: SimpleRule): string {
  let combined = ''
  if (resource !== undefined) {
    const slash = resource.indexOf('/')
    combined = `${slash < 0 ? resource : resource.slice(0, slash)}${group ? `.${group}` : ''}${slash < 0 ? '' : resource.slice(slash)}`
  }
  return `${combined}\t${bracketed(url)}\t${bracketed(name)}\t[${verbs.join(' ')}]`
}
