import { encodeBase64 } from '../../engine/kubernetes/base64.ts'
import { decodeUtf8, encodeUtf8 } from '../../engine/text.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { CREATE_FLAGS, nameArgument } from './create-simple.ts'
import { KubectlError, messageOf, quote } from './errors.ts'
import { flags } from './flags.ts'
import { define, type JsonObject, sortKeys } from './objects.ts'
import { createAndPrint, metadataOf } from './saving.ts'

export const createConfigMap: Command = {
  name: 'configmap',
  aliases: ['cm'],
  short: 'Create a config map from a local file, directory or literal value',
  use: 'configmap NAME [--from-file=[key=]source] [--from-literal=key1=value1] [--dry-run=server|client|none]',
  flags: flags(CREATE_FLAGS, `
    --append-hash bool ~
    --from-env-file slice
    --from-file slice
    --from-literal array
  `),
  *run(k): Task<number> {
    const name = nameArgument(k)
    const { flags: f } = k
    if (f.list('from-env-file').length > 0 && (f.list('from-file').length > 0 || f.list('from-literal').length > 0)) {
      throw new KubectlError('from-env-file cannot be combined with from-file or from-literal')
    }
    const entries = new Entries(name)
    for (const literal of f.list('from-literal')) {
      const at = literal.indexOf('=')
      if (at <= 0) throw new KubectlError(`invalid literal source ${literal}, expected key=value`)
      let value = literal.slice(at + 1)
      if (value.length >= 2 && ((value.startsWith('"') && value.endsWith('"')) || (value.startsWith("'") && value.endsWith("'")))) value = value.slice(1, -1)
      entries.add(literal.slice(0, at), encodeUtf8(value))
    }
    for (const source of f.list('from-file')) yield* fromFile(k, source, entries)
    for (const source of f.list('from-env-file')) fromEnvFile(k, source, entries)
    return yield* createAndPrint(k, entries.object())
  },
}

class Entries {
  readonly #name: string
  readonly #data: JsonObject = {}
  readonly #binary: JsonObject = {}
  constructor(name: string) {
    this.#name = name
  }

  add(key: string, value: Uint8Array): void {
    if (!/^[-._a-zA-Z0-9]+$/.test(key) || key.length > 253) {
      throw new KubectlError(`${quote(key)} is not a valid key name for a ConfigMap: a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`)
    }
    if (Object.hasOwn(this.#data, key)) throw new KubectlError(`cannot add key ${quote(key)}, another key by that name already exists in Data for ConfigMap ${quote(this.#name)}`)
    if (Object.hasOwn(this.#binary, key)) throw new KubectlError(`cannot add key ${quote(key)}, another key by that name already exists in BinaryData for ConfigMap ${quote(this.#name)}`)
    const text = decodeUtf8(value)
    if (text.includes('\ufffd')) define(this.#binary, key, encodeBase64(value))
    else define(this.#data, key, text)
  }

  object(): JsonObject {
    const object: JsonObject = { kind: 'ConfigMap', apiVersion: 'v1', metadata: metadataOf(this.#name) }
    if (Object.keys(this.#data).length > 0) object['data'] = sortKeys(this.#data)
    if (Object.keys(this.#binary).length > 0) object['binaryData'] = sortKeys(this.#binary)
    return object
  }
}

function* fromFile(k: Kubectl, source: string, entries: Entries): Task {
  const at = source.indexOf('=')
  if (at === 0) throw new KubectlError(`key name for file path ${source.slice(1)} missing`)
  if (at > 0 && at === source.length - 1) throw new KubectlError(`file path for key name ${source.slice(0, at)} missing`)
  if (at > 0 && source.indexOf('=', at + 1) >= 0) throw new KubectlError('key names or file paths cannot contain \'=\'')
  const path = at < 0 ? source : source.slice(at + 1)
  const key = at < 0 ? path.slice(path.lastIndexOf('/') + 1) : source.slice(0, at)
  const { fs } = k.process
  const real = k.process.resolve(path)
  if (!fs.exists(real)) throw new KubectlError(`error reading ${path}: no such file or directory`)
  if (fs.stat(real).type === 'directory') {
    if (at >= 0) throw new KubectlError('cannot give a key name for a directory path')
    for (const child of fs.readDirectory(real)) {
      if (fs.stat(`${real}/${child}`).type === 'file') entries.add(child, fs.readFile(`${real}/${child}`))
    }
    return
  }
  let content: Uint8Array
  try {
    content = fs.readFile(real)
  } catch (error) {
    throw new KubectlError(`error reading ${path}: ${messageOf(error).toLowerCase()}`)
  }
  entries.add(key, content)
}

function fromEnvFile(k: Kubectl, source: string, entries: Entries): void {
  const { fs } = k.process
  const real = k.process.resolve(source)
  if (!fs.exists(real)) throw new KubectlError(`error reading ${source}: no such file or directory`)
  if (fs.stat(real).type === 'directory') throw new KubectlError('env config file cannot be a directory')
  for (const line of fs.readText(real).replace(/^\ufeff/, '').split('\n')) {
    const trimmed = line.trimStart()
    if (trimmed === '' || trimmed.startsWith('#')) continue
    const at = trimmed.indexOf('=')
    const key = at < 0 ? trimmed : trimmed.slice(0, at)
    if (!/^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(key)) {
      throw new KubectlError(`${quote(key)} is not a valid key name: a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')`)
    }
    entries.add(key, encodeUtf8(at < 0 ? (k.process.env.get(key) ?? '') : trimmed.slice(at + 1).replace(/\r$/, '')))
  }
}
