import type { JsonObject as PatchObject } from '../../engine/kubernetes/json.ts'
import { applyStrategicMergePatch } from '../../engine/kubernetes/patch/strategic-merge.ts'
import { decode } from '../../engine/kubernetes/schema/decode.ts'
import { schemaOf } from '../../engine/kubernetes/schema/index.ts'
import type { Process } from '../../engine/machine/types.ts'
import { decodeUtf8 } from '../../engine/text.ts'
import { KubectlError, messageOf } from './errors.ts'
import { parseManifest } from './manifests.ts'
import type { JsonObject } from './objects.ts'
import { yamlError } from './yaml-syntax.ts'

/** The file of `debug --custom`: part of a container, JSON or YAML; fields that a container has not are passed over. */
export function readCustomProfile(process: Process, name: string): JsonObject {
  const { fs } = process
  const path = process.resolve(name)
  const failed = (why: string): KubectlError => new KubectlError(`must pass a container spec json file for custom profile: ${why}`)
  if (!fs.exists(path)) throw failed(`open ${name}: no such file or directory`)
  if (fs.stat(path).type === 'directory') throw failed(`read ${name}: is a directory`)
  const content = decodeUtf8(fs.readFile(path))
  let written: unknown
  const invalid = (why: string): KubectlError => new KubectlError(`${name} does not contain a valid container spec: ${why}`)
  try {
    written = JSON.parse(content)
  } catch {
    // what is no JSON may be YAML
    const wrong = yamlError(content)
    if (wrong !== undefined) throw invalid(`error converting YAML to JSON: yaml: ${wrong}`)
    try {
      written = parseManifest(content)
    } catch (error) {
      throw invalid(messageOf(error))
    }
  }
  const { value, error } = decode<JsonObject>(written ?? {}, schemaOf('Container'))
  if (error !== undefined) throw invalid(`error unmarshaling JSON: while decoding JSON: ${error}`)
  return value
}

/** The container with what the custom profile says of it, lists with keys merged by them. */
export function customized(container: JsonObject, custom: JsonObject): JsonObject {
  const { name } = container
  const part: JsonObject = Object.fromEntries(Object.entries({ ...custom, name }).filter(([, value]) => value !== undefined))
  return applyStrategicMergePatch(container as PatchObject, part as PatchObject, schemaOf('Container')) as JsonObject
}
