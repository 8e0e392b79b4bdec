import { admissionScope, variableType } from '../../cel/admission-scope.ts'
import { checkTypes } from '../../cel/checker.ts'
import { schemaType } from '../../cel/schema-types.ts'
import { parseExpression } from '../../cel/syntax.ts'
import { type CelType, DYN } from '../../cel/types.ts'
import type { ApiResource } from '../../client.ts'
import { documentPath } from '../../openapi/documents.ts'
import type { GroupVersionKind, OpenApiDocument } from '../../openapi/types.ts'
import type { Policy } from '../registration.ts'

/**
 * Whether a policy's expressions fit the kinds that its rules name: apiserver/pkg/admission/plugin/policy/validating/typechecking.go
 * (KEP-3488). What is wrong is a warning in its status and changes nothing.
 */
export interface Catalogue {
  resources(): readonly ApiResource[]
  openApi(path: string): OpenApiDocument | undefined
}
export interface ExpressionWarning { fieldRef: string; warning: string }

const MOST_TYPES = 10
const REFERENCE = '#/components/schemas/'

export function typeCheck({ spec }: Policy, catalogue: Catalogue, nanosecond: number): ExpressionWarning[] {
  const [group, version] = groupVersion(spec.paramKind?.apiVersion)
  const params = spec.paramKind && version !== undefined ? declaredType({ group, version, kind: spec.paramKind.kind ?? '' }, catalogue, nanosecond) : undefined
  const kinds = kindsToCheck(spec.matchConstraints, catalogue.resources()).flatMap((gvk) => {
    const object = declaredType(gvk, catalogue, nanosecond)
    return object === undefined ? [] : [{ gvk, names: { object, requestResource: false, ...(params ? { params } : {}) } }]
  })
  const warnings: ExpressionWarning[] = []
  const check = (fieldRef: string, expression: string): void => {
    const wrong = kinds.flatMap(({ gvk, names }) => {
      const variables = new Map<string, CelType>()
      const scope = admissionScope({ ...names, variables })
      for (const variable of spec.variables ?? []) variables.set(variable.name, variableType(checked(variable.expression, scope).type))
      const { issues } = checked(expression, scope)
      return issues === undefined ? [] : [`${gvk.group}/${gvk.version}, Kind=${gvk.kind}: ${issues}\n`]
    })
    if (wrong.length > 0) warnings.push({ fieldRef, warning: wrong.join('\n') })
  }
  spec.validations?.forEach(({ expression, messageExpression }, i) => {
    check(`spec.validations[${i}].expression`, expression)
    if (messageExpression) check(`spec.validations[${i}].messageExpression`, messageExpression)
  })
  return warnings
}

function checked(expression: string, scope: ReturnType<typeof admissionScope>): { type: CelType; issues?: string } {
  const ast = parseExpression(expression)
  return 'wrong' in ast ? { type: DYN, issues: ast.wrong } : checkTypes(ast, expression, scope)
}

function groupVersion(apiVersion = ''): [group: string, version: string | undefined] {
  const parts = apiVersion.split('/')
  if (apiVersion === '' || parts.length > 2) return ['', undefined]
  return parts.length === 2 ? [parts[0]!, parts[1]] : ['', parts[0]]
}

/** The kinds of all that rules name in full: what has a wildcard, and subresources, are not looked at. */
export function kindsToCheck(match: Policy['spec']['matchConstraints'], resources: readonly ApiResource[]): GroupVersionKind[] {
  const found = new Map<string, GroupVersionKind>()
  rules: for (const { apiGroups = [], apiVersions = [], resources: names = [] } of match?.resourceRules ?? []) {
    if ([...apiGroups, ...apiVersions].some((each) => each.includes('*'))) continue
    const plain = names.filter((name) => !/[*/]/.test(name))
    let count = 0
    for (const group of [...apiGroups].sort()) for (const version of [...apiVersions].sort()) for (const name of [...plain].sort()) {
      // who names no group means every one, to a RESTMapper
      for (const each of resources.filter((r) => (group === '' || r.group === group) && r.version === version && (r.name === name || r.singular === name))) {
        found.set(`${each.group}/${each.version}/${each.kind}`, { group: each.group, version: each.version, kind: each.kind })
        if (++count === MOST_TYPES) break rules
      }
    }
  }
  const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
  return [...found.values()].sort((a, b) => order(a.group, b.group) || order(a.version, b.version) || order(a.kind, b.kind))
}

/** Undefined: there is no such kind; dyn: nothing is known of it. */
function declaredType({ group, version, kind }: GroupVersionKind, catalogue: Catalogue, nanosecond: number): CelType | undefined {
  const schemas = catalogue.openApi(documentPath({ group, version }))?.components.schemas ?? {}
  const schema = Object.values(schemas).find((each) => each['x-kubernetes-group-version-kind']?.some((gvk) => gvk.group === group && gvk.version === version && gvk.kind === kind))
  return schema && (schemaType(schema, `${kind}${nanosecond}`, (reference) => schemas[reference.slice(REFERENCE.length)]) ?? DYN)
}
