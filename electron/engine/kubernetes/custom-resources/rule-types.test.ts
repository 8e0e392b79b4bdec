import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import type { JsonSchema } from './schema.ts'
import { eachSchema } from './schema.ts'
import { wrongRule } from './rule-types.ts'

const OBJECT = parse('{type: object, properties: {replicas: {type: integer}, name: {type: string}, port: {x-kubernetes-int-or-string: true}, limits: {type: object, additionalProperties: {type: string}}, y-z: {type: boolean}, namespace: {type: string}, when: {type: string, format: date-time}}}') as JsonSchema
const wrong = (rule: string, more = {}, root = false): string | undefined => wrongRule({ rule, ...more }, OBJECT, root)

/** Texts of apiextensions-apiserver's pkg/apiserver/schema/cel/compilation_test.go and of cel-go. */
describe('a rule of a schema', () => {
  it.each([
    'self.replicas > 1 && self.name.startsWith("a")', 'self.port == 80 || self.port == "http"', '"cpu" in self.limits && self.limits["cpu"] == "1"', 'self.y__dash__z', 'self.__namespace__ == self.namespace',
    'self.when < timestamp("2030-01-01T00:00:00Z")', 'self == oldSelf', 'self.limits.all(k, self.limits[k] != "")', '!has(self.name) || size(self.name) < 3',
  ])('%s is one', (rule) => expect(wrong(rule)).toBeUndefined())

  it.each<[string, string]>([
    ['self.replicas', 'cel expression must evaluate to a bool'],
    ['self.replicass > 1', "compilation failed: ERROR: <input>:1:5: undefined field 'replicass'\n | self.replicass > 1\n | ....^"],
    ["self.replicas == 'a'", "compilation failed: ERROR: <input>:1:15: found no matching overload for '_==_' applied to '(int, string)'\n | self.replicas == 'a'\n | ..............^"],
    ['object.name == "a"', "compilation failed: ERROR: <input>:1:1: undeclared reference to 'object' (in container '')\n | object.name == \"a\"\n | ^"],
    ['self.metadata.name == "a"', "compilation failed: ERROR: <input>:1:5: undefined field 'metadata'\n | self.metadata.name == \"a\"\n | ....^"],
  ])('%s is none', (rule, why) => expect(wrong(rule)).toBe(why))

  it('of a whole object knows its name, not its labels', () => {
    expect(wrong('self.metadata.name == "a" && self.kind != ""', {}, true)).toBeUndefined()
    expect(wrong('self.metadata.labels.size() > 0', {}, true)).toContain("undefined field 'labels'")
  })

  it('that holds without an old value has an optional one', () => {
    expect(wrong('oldSelf.orValue(self) == self', { optionalOldSelf: true })).toBeUndefined()
    expect(wrong('oldSelf.orValue(self) == self')).toContain("found no matching overload for 'orValue'")
  })
})

it.each(['gateway-api', 'gateway-api-experimental', 'nginx-gateway-fabric-crds', 'metallb-native'])('every rule of %s as its project has it is one', (name) => {
  const texts = parseAllDocuments(readFileSync(new URL(`../../../../assets/manifests/${name}.yaml`, import.meta.url), 'utf8')).map((document) => document.toJS() as { kind?: string; spec: { versions: { schema: { openAPIV3Schema: JsonSchema } }[] } } | null)
  const schemas = texts.filter((each) => each?.kind === 'CustomResourceDefinition').flatMap((each) => each!.spec.versions.map((version) => version.schema.openAPIV3Schema))
  const rules = schemas.flatMap((root) => [...eachSchema(root)].flatMap((schema) => (schema['x-kubernetes-validations'] ?? []).map((rule) => [rule.rule, wrongRule(rule, schema, schema === root)])))
  expect(rules.filter(([, why]) => why !== undefined)).toEqual([])
  expect(rules.length > 0 || name === 'metallb-native').toBe(true)
})
