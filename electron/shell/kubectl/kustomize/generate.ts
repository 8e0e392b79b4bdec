import { encodeBase64 } from '../../../engine/kubernetes/base64.ts'
import { decodeUtf8, encodeUtf8 } from '../../../engine/text.ts'
import { KubectlError, quote } from '../errors.ts'
import { define, type JsonObject } from '../objects.ts'
import type { GeneratorOptions, KeyArgs } from './kustomization.ts'
import type { Loader } from './loader.ts'
import { Resource } from './resource.ts'

/** Letters of base64 in a line. */
const LINE = 70

/** The ConfigMap or Secret that a generator makes. */
export function generate(loader: Loader, kind: 'ConfigMap' | 'Secret', args: KeyArgs, global: GeneratorOptions | undefined): Resource {
  if (!args.name) throw new KubectlError('a configmap must have a name')
  const options = merged(global, args.options)
  const [data, binaryData]: [JsonObject, JsonObject] = [{}, {}]
  for (const [key, value] of pairs(loader, args)) {
    if (Object.hasOwn(data, key) || Object.hasOwn(binaryData, key)) throw new KubectlError(`configmap ${args.name} illegally repeats the key \`${key}\``)
    if (kind === 'Secret') define(data, key, inLines(encodeBase64(value)))
    else if (isUtf8(value)) define(data, key, decodeUtf8(value))
    else define(binaryData, key, inLines(encodeBase64(value)))
  }
  const metadata: JsonObject = { name: args.name }
  if (args.namespace) metadata['namespace'] = args.namespace
  for (const field of ['labels', 'annotations'] as const) if (Object.keys(options[field] ?? {}).length > 0) metadata[field] = options[field]
  const object: JsonObject = { apiVersion: 'v1', kind, metadata }
  if (Object.keys(data).length > 0) object['data'] = data
  if (Object.keys(binaryData).length > 0) object['binaryData'] = binaryData
  if (kind === 'Secret') object['type'] = args.type || 'Opaque'
  if (options.immutable) object['immutable'] = true
  const resource = new Resource(object)
  resource.needsHash = !options.disableNameSuffixHash
  resource.behavior = args.behavior === 'merge' || args.behavior === 'replace' ? args.behavior : 'create'
  return resource
}

/** What is said of one generator goes before what is said of all. */
function merged(global: GeneratorOptions = {}, local: GeneratorOptions = {}): GeneratorOptions {
  return {
    labels: { ...global.labels, ...local.labels }, annotations: { ...global.annotations, ...local.annotations },
    disableNameSuffixHash: Boolean(global.disableNameSuffixHash) || Boolean(local.disableNameSuffixHash), immutable: Boolean(global.immutable) || Boolean(local.immutable),
  }
}

function pairs(loader: Loader, { envs, env, literals, files, name: _ }: KeyArgs): [string, Uint8Array][] {
  const sources = [...(envs ?? []), ...(env ? [env] : [])]
  return [
    ...within(`env source files: [${sources.join(' ')}]`, () => sources.flatMap((path) => envPairs(loader.text(path)))),
    ...within(`literal sources [${(literals ?? []).join(' ')}]`, () => (literals ?? []).map(literalPair)),
    ...within(`file sources: [${(files ?? []).join(' ')}]`, () => (files ?? []).map((source) => filePair(loader, source))),
  ]
}

function within<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof KubectlError)) throw error
    throw new KubectlError(`loading KV pairs: ${what}: ${error.message}`)
  }
}

function literalPair(source: string): [string, Uint8Array] {
  const at = source.indexOf('=')
  if (at <= 0) throw new KubectlError(`invalid literal source ${source}, expected key=value`)
  const value = source.slice(at + 1)
  const isQuoted = value.length >= 2 && value[0] === value.at(-1) && (value[0] === '"' || value[0] === "'")
  return [source.slice(0, at), encodeUtf8(isQuoted ? value.slice(1, -1) : value)]
}

function filePair(loader: Loader, source: string): [string, Uint8Array] {
  const parts = source.split('=')
  if (parts.length > 2) throw new KubectlError(`source ${quote(source)} key name or file path contains '='`)
  if (parts.length === 2 && parts[0] === '') throw new KubectlError(`missing key name for file path ${quote(parts[1]!)} in source ${quote(source)}`)
  if (parts.length === 2 && parts[1] === '') throw new KubectlError(`missing file path for key name ${quote(parts[0]!)} in source ${quote(source)}`)
  const path = parts.at(-1)!
  return [parts.length === 2 ? parts[0]! : path.slice(path.lastIndexOf('/') + 1), loader.bytes(path)]
}

function envPairs(content: string): [string, Uint8Array][] {
  return content.replace(/^\ufeff/, '').split('\n').flatMap((line): [string, Uint8Array][] => {
    const trimmed = line.replace(/\r$/, '').trimStart()
    if (trimmed === '' || trimmed.startsWith('#')) return []
    const at = trimmed.indexOf('=')
    const key = at < 0 ? trimmed : trimmed.slice(0, at)
    return [[key, encodeUtf8(at < 0 ? '' : trimmed.slice(at + 1))]]
  })
}

function isUtf8(bytes: Uint8Array): boolean {
  const again = encodeUtf8(decodeUtf8(bytes))
  return again.length === bytes.length && again.every((byte, i) => byte === bytes[i])
}

function inLines(base64: string): string {
  return base64.length < LINE ? base64 : base64.replace(/.{1,70}/g, '$&\n')
}
