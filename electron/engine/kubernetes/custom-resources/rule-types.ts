import { checkTypes } from '../cel/checker.ts'
import { schemaType } from '../cel/schema-types.ts'
import { parseExpression } from '../cel/syntax.ts'
import { optionalOf } from '../cel/types.ts'
import type { OpenApiSchema } from '../openapi/types.ts'
import type { Rule } from './rules.ts'
import type { JsonSchema } from './schema.ts'

/** Why a rule is not accepted by the types of the schema that it stands at: apiextensions-apiserver's pkg/apiserver/schema/cel/compilation.go. */
export function wrongRule({ rule = '', optionalOldSelf = false }: Rule, schema: JsonSchema, root: boolean): string | undefined {
  const ast = parseExpression(rule)
  if ('wrong' in ast) return `compilation failed: ${ast.wrong}`
  const self = schemaType(schema as OpenApiSchema, 'selfType', () => undefined, root)
  // what nothing is known of has no rules; that is another error
  if (!self) return undefined
  const { type, issues } = checkTypes(ast, rule, (name) => (name === 'self' ? self : name === 'oldSelf' ? (optionalOldSelf ? optionalOf(self) : self) : undefined))
  if (issues !== undefined) return `compilation failed: ${issues}`
  return type.kind === 'bool' ? undefined : 'cel expression must evaluate to a bool'
}
