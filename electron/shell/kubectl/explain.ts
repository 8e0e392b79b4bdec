import type { ApiResource } from '../../engine/kubernetes/client.ts'
import type { OpenApiDocument, OpenApiSchema } from '../../engine/kubernetes/openapi/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { ExitError, KubectlError, NoSuchResourceError, quote } from './errors.ts'
import { PlaintextV2Writer } from './explain/plaintext-v2.ts'
import { PlaintextWriter } from './explain/plaintext.ts'
import { flags } from './flags.ts'
import { groupVersion } from './objects.ts'
import { resourceFor } from './resources.ts'

const SUGGESTION = 'Use "kubectl api-resources" for a complete list of supported resources.'

/** `kubectl explain`: what the server's OpenAPI documents say about a kind and its fields. */
export const explain: Command = {
  name: 'explain',
  short: 'Get documentation for a resource',
  use: 'explain TYPE [--recursive=FALSE|TRUE] [--api-version=api-version-group] [-o|--output=plaintext|plaintext-openapiv2]',
  flags: flags(`
    --api-version string
    --output string=plaintext
    --recursive bool
  `),
  run,
}

function* run(k: Kubectl): Task<number> {
  if (k.args.length === 0) throw new KubectlError(`You must specify the type of resource to explain. ${SUGGESTION}\n`)
  if (k.args.length > 1) throw new KubectlError('We accept only this format: explain RESOURCE\n')
  const asked = k.flags.string('api-version')
  const output = k.flags.string('output')
  const { resource, path } = find(k, k.args[0]!, asked === '')
  const { group, version } = asked === '' ? resource : groupVersion(asked)
  if (output === 'plaintext-openapiv2') {
    yield* k.out(inVersion2(k, { ...resource, group, version }, path))
    return 0
  }
  const at = group ? `apis/${group}/${version}` : `api/${version}`
  const document = k.client.openApiPaths().includes(at) ? k.client.openApi(at) : undefined
  if (!document) throw new KubectlError(`couldn't find resource for "${group}/${version}, Resource=${resource.name}"`)
  if (output !== 'plaintext') throw new KubectlError(`unrecognized format: ${output}`)
  const gvk = kindAt(document, at, resource.name)
  if (!gvk) throw new KubectlError(`error: GVR (${group}/${version}, Resource=${resource.name}) not found in OpenAPI schema`)
  yield* k.out(`${gvk.group ? `GROUP:      ${gvk.group}\n` : ''}KIND:       ${gvk.kind}\nVERSION:    ${gvk.version}\n\n`)
  const schema = schemaFor(document, gvk)
  if (!schema) throw new KubectlError(`error: GVK map[group:${gvk.group} kind:${gvk.kind} version:${gvk.version}] not found in OpenAPI schema`)
  const text = new PlaintextWriter(document, k.flags.bool('recursive')).output(schema, path)
  if (text === '') throw new KubectlError(`error: field ${quote(path.at(-1) ?? '')} does not exist`)
  yield* k.out(`${text}\n`)
  return 0
}

/** "pods.spec.containers", "networkpolicies.crd.projectcalico.org.spec": the type and the fields after it. */
function find(k: Kubectl, word: string, withGroup: boolean): { resource: ApiResource; path: string[] } {
  if (word.startsWith('.')) throw new KubectlError('invalid jsonpath syntax, first node must be field node')
  const [first, ...fields] = names(word)
  if (first === undefined) throw new KubectlError('a resource must be present, got: /, Resource=')
  const candidates = k.client.resources().filter((r) => [r.name, r.singular, ...r.shortNames].includes(first) || r.kind.toLowerCase() === first.toLowerCase())
  if (withGroup) {
    for (const resource of candidates) {
      const whole = resource.group ? `${resource.name}.${resource.group}` : resource.name
      if (word.startsWith(whole)) return { resource, path: word.length === whole.length ? [] : names(word.slice(whole.length)) }
    }
  }
  try {
    return { resource: resourceFor(k, first), path: fields }
  } catch (error) {
    // said without the usual "error: "
    throw error instanceof NoSuchResourceError ? new ExitError(1, error.message) : error
  }
}

/** The fields of a JSONPath. */
function names(word: string): string[] {
  const parts = word.split('.').filter((part) => part !== '')
  if (/[[\]]/.test(word)) throw new KubectlError('invalid jsonpath syntax, first node must be field node')
  return parts
}

function kindAt(document: OpenApiDocument, at: string, resource: string): { group: string; kind: string; version: string } | undefined {
  for (const path of [`/${at}/${resource}`, `/${at}/${resource}/{name}`, `/${at}/namespaces/{namespace}/${resource}`, `/${at}/namespaces/{namespace}/${resource}/{name}`]) {
    for (const method of ['get', 'post', 'put', 'patch', 'delete'] as const) {
      const gvk = document.paths[path]?.[method]?.['x-kubernetes-group-version-kind']
      if (gvk) return gvk
    }
  }
  return undefined
}

function schemaFor(document: OpenApiDocument, gvk: { group: string; kind: string; version: string }): OpenApiSchema | undefined {
  return Object.values(document.components.schemas).find((schema) =>
    schema['x-kubernetes-group-version-kind']?.some((each) => each.group === gvk.group && each.kind === gvk.kind && each.version === gvk.version))
}

function inVersion2(k: Kubectl, { group, version, kind }: ApiResource, path: readonly string[]): string {
  const apiVersion = group ? `${group}/${version}` : version
  const document = k.client.openApi(group ? `apis/${apiVersion}` : `api/${version}`)
  const schema = document && schemaFor(document, { group, kind, version })
  if (!schema) throw new KubectlError(`couldn't find resource for "${group ? apiVersion : `/${version}`}, Kind=${kind}"`)
  return new PlaintextV2Writer(document, k.flags.bool('recursive')).output(schema, path, { kind, apiVersion })
}
