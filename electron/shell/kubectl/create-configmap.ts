import { encodeBase64 } from '../../engine/kubernetes/base64.ts'
import { decodeUtf8 } from '../../engine/text.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command } from './command.ts'
import { CREATE_FLAGS, started } from './create-simple.ts'
import { KubectlError, quote } from './errors.ts'
import { flags } from './flags.ts'
import { isKey, KEY_FLAGS, KEY_RULE, readKeys, readStreams } from './key-sources.ts'
import { withHash } from './name-hash.ts'
import { define, type JsonObject, sortKeys } from './objects.ts'
import { createNamed, metadataOf } from './saving.ts'

export const createConfigMap: Command = {
  name: 'configmap',
  aliases: ['cm'],
  short: 'Create a config map from a local file, directory or literal value',
  use: 'configmap NAME [--from-file=[key=]source] [--from-literal=key1=value1] [--dry-run=server|client|none]',
  flags: flags(CREATE_FLAGS, KEY_FLAGS),
  *run(k): Task<number> {
    const name = yield* started(k)
    const data: JsonObject = {}
    const binary: JsonObject = {}
    readKeys(k, yield* readStreams(k, ['from-file', 'from-env-file']), (key, value) => {
      if (!isKey(key)) throw new KubectlError(`${quote(key)} is not a valid key name for a ConfigMap: ${KEY_RULE}`)
      for (const [field, entries] of [['Data', data], ['BinaryData', binary]] as const) {
        if (Object.hasOwn(entries, key)) throw new KubectlError(`cannot add key ${quote(key)}, another key by that name already exists in ${field} for ConfigMap ${quote(name)}`)
      }
      const text = decodeUtf8(value)
      if (text.includes('\ufffd')) define(binary, key, encodeBase64(value))
      else define(data, key, text)
    })
    const object: JsonObject = { kind: 'ConfigMap', apiVersion: 'v1', metadata: metadataOf(name) }
    if (Object.keys(data).length > 0) object['data'] = sortKeys(data)
    if (Object.keys(binary).length > 0) object['binaryData'] = sortKeys(binary)
    return yield* createNamed(k, withHash(k, object), 'configmap')
  },
}
