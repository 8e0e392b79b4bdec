import { isPattern } from './pattern.ts'
import type { RouteKindName } from './routes.ts'
import type { GrpcRoute, RouteMatch, RouteRule } from './types.ts'

/** GRPCRoutes as nginx sees them: an HTTPRoute whose paths are "/service/method" (state/graph/grpcroute.go). */
export function httpRulesOf({ spec }: GrpcRoute): RouteRule[] {
  return (spec.rules ?? []).map(({ matches = [], ...rule }) => {
    // a match without a method has the path of the one before it, as ConvertGRPCMatches has it
    let path: NonNullable<RouteMatch['path']> = { type: 'PathPrefix', value: '/' }
    return {
      ...rule,
      matches: (matches.length > 0 ? matches : [{}]).map(({ method, headers = [] }): RouteMatch => {
        if (method?.service && method.method) path = { type: 'Exact', value: `/${method.service}/${method.method}` }
        return { headers, path }
      }),
    }
  })
}

/** What NGINX Gateway Fabric does not take of a rule. */
export function grpcProblems({ spec }: GrpcRoute, index: number): string[] {
  const problems: string[] = []
  for (const [i, { method }] of (spec.rules?.[index]?.matches ?? []).entries()) {
    if (!method) continue
    const path = `spec.rules[${index}].matches[${i}].method`
    if (method.type === undefined) problems.push(`${path}.type: Required value: cannot be empty`)
    else if (method.type !== 'Exact') problems.push(`${path}.type: Unsupported value: "${method.type}": supported values: "Exact"`)
    if (!method.service) problems.push(`${path}.service: Required value: service is required`)
    else if (method.service.startsWith('/_ngf-internal')) problems.push(`${path}.service: Invalid value: "${method.service}": service cannot start with /_ngf-internal. This prefix is reserved for internal use`)
    if (!method.method) problems.push(`${path}.method: Required value: method is required`)
    else if (!isPattern(method.method)) problems.push(`${path}.method: Invalid value: "${method.method}": path must be a valid regular expression`)
  }
  return problems
}

/** Fields of a rule that are passed over with a word. */
export const IGNORED: Readonly<Record<RouteKindName, readonly (readonly [field: 'name' | 'timeouts' | 'retry' | 'sessionPersistence', title: string])[]>> = {
  HTTPRoute: [['name', 'Name'], ['timeouts', 'Timeouts'], ['retry', 'Retry'], ['sessionPersistence', 'SessionPersistence']],
  GRPCRoute: [['name', 'Name'], ['sessionPersistence', 'SessionPersistence']],
  TLSRoute: [],
}
