import { parse } from 'yaml'
import { quote } from './errors.ts'
import { isObject, type JsonObject, text } from './objects.ts'
import { yamlError } from './yaml-syntax.ts'

/** A kubeconfig's text as Go's codec reads it (client-go's clientcmd/api/latest over encoding/json): its content, or what is wrong with it. */

interface Shape { go: string; fields?: Record<string, Shape>; items?: Shape; kind: 'object' | 'array' | 'string' | 'boolean' }

const STRING: Shape = { go: 'string', kind: 'string' }
const BOOL: Shape = { go: 'bool', kind: 'boolean' }
const BYTES: Shape = { go: '[]uint8', kind: 'string' }
const strings = (...names: string[]): Record<string, Shape> => Object.fromEntries(names.map((name) => [name, STRING]))
const struct = (go: string, fields: Record<string, Shape>): Shape => ({ go, kind: 'object', fields })
const listOf = (items: Shape): Shape => ({ go: `[]${items.go}`, kind: 'array', items })

const CLUSTER = struct('v1.Cluster', { ...strings('server', 'tls-server-name', 'certificate-authority', 'proxy-url'), 'insecure-skip-tls-verify': BOOL, 'disable-compression': BOOL, 'certificate-authority-data': BYTES })
const EXEC = struct('v1.ExecConfig', { ...strings('command', 'apiVersion', 'installHint', 'interactiveMode'), args: listOf(STRING), env: listOf(struct('v1.ExecEnvVar', strings('name', 'value'))), provideClusterInfo: BOOL })
const USER = struct('v1.AuthInfo', { ...strings('client-certificate', 'client-key', 'token', 'tokenFile', 'as', 'as-uid', 'username', 'password'), 'client-certificate-data': BYTES, 'client-key-data': BYTES, 'as-groups': listOf(STRING), exec: EXEC })
const CONFIG = struct('Config', {
  ...strings('kind', 'apiVersion', 'current-context'),
  clusters: listOf(struct('v1.NamedCluster', { name: STRING, cluster: CLUSTER })),
  users: listOf(struct('v1.NamedAuthInfo', { name: STRING, user: USER })),
  contexts: listOf(struct('v1.NamedContext', { name: STRING, context: struct('v1.Context', strings('cluster', 'user', 'namespace')) })),
  preferences: struct('v1.Preferences', { colors: BOOL }),
})
const HEAD = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value
}

/** What encoding/json says of the first value of another type than the field has. */
function misfit(value: unknown, shape: Shape, root: string, path: readonly string[]): string | undefined {
  if (value === null || value === undefined) return undefined
  const kind = Array.isArray(value) ? 'array' : typeof value
  if (kind !== shape.kind) {
    const where = path.length > 0 ? `Go struct field ${root}.${path.join('.')} of type ${shape.go}` : `Go value of type ${shape.go}`
    return `json: cannot unmarshal ${kindOf(value)} into ${where}`
  }
  if (shape.items) return (value as unknown[]).map((item) => misfit(item, shape.items!, root, path)).find((found) => found !== undefined)
  if (!shape.fields) return undefined
  for (const [name, inner] of Object.entries(value as JsonObject)) {
    if (!Object.hasOwn(shape.fields, name)) continue
    const found = misfit(inner, shape.fields[name]!, root, [...path, name])
    if (found !== undefined) return found
  }
  return undefined
}

export function readConfig(raw: string): JsonObject | string {
  if (raw.trim() === '') return {}
  const broken = yamlError(raw)
  if (broken !== undefined) return `yaml: ${broken}`
  let content: unknown
  try {
    content = parse(raw, { version: '1.1' })
  } catch (error) {
    return `yaml: ${error instanceof Error ? error.message : String(error)}`
  }
  if (content === null) return {}
  if (!isObject(content)) return `couldn't get version/kind; json parse error: json: cannot unmarshal ${kindOf(content)} into Go value of type ${HEAD}`
  const [version, kind] = [text(content['apiVersion']) || 'v1', text(content['kind']) || 'Config']
  if (version !== 'v1' || kind !== 'Config') return `no kind ${quote(kind)} is registered for version ${quote(version)} in scheme "k8s.io/client-go/tools/clientcmd/api/latest/latest.go:50"`
  return misfit(content, CONFIG, 'Config', []) ?? content
}
