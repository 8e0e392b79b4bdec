import type { Task } from '../../engine/machine/task.ts'
import { decodeUtf8, encodeUtf8 } from '../../engine/text.ts'
import type { Kubectl } from './command.ts'
import { KubectlError, messageOf, quote } from './errors.ts'
import { streamOf } from './manifests.ts'
import { readPipe } from './pipes.ts'

/** The flags that keys and values come from, for ConfigMaps and Secrets (kubectl's pkg/cmd/create and pkg/generate). */
export const KEY_FLAGS = `
  --append-hash bool
  --from-env-file slice
  --from-file slice
  --from-literal array
`

export type AddKey = (key: string, value: Uint8Array) => void

/** What is read of pipes among the named files: /dev/stdin, and bash's <(…). */
export type Streams = ReadonlyMap<string, Uint8Array>

export function* readStreams({ process, flags }: Kubectl, named: readonly ('from-file' | 'from-env-file')[]): Task<Streams> {
  const streams = new Map<string, Uint8Array>()
  for (const source of named.flatMap((flag) => flags.list(flag))) {
    const path = source.slice(source.indexOf('=') + 1)
    const stream = streamOf(process, path)
    if (stream !== undefined && !streams.has(path)) streams.set(path, yield* readPipe(process, stream))
  }
  return streams
}

/** Everything that the flags name, in kubectl's order. `add` throws for keys that cannot be. */
export function readKeys(k: Kubectl, streams: Streams, add: AddKey): void {
  const { flags: f } = k
  if (f.list('from-env-file').length > 0 && (f.list('from-file').length > 0 || f.list('from-literal').length > 0)) {
    throw new KubectlError('from-env-file cannot be combined with from-file or from-literal')
  }
  for (const literal of f.list('from-literal')) {
    const at = literal.indexOf('=')
    if (at <= 0) throw new KubectlError(`invalid literal source ${literal}, expected key=value`)
    let value = literal.slice(at + 1)
    if (value.length >= 2 && ((value.startsWith('"') && value.endsWith('"')) || (value.startsWith("'") && value.endsWith("'")))) value = value.slice(1, -1)
    add(literal.slice(0, at), encodeUtf8(value))
  }
  readFiles(k, f.list('from-file'), streams, add)
  for (const source of f.list('from-env-file')) fromEnvFile(k, source, streams, add)
}

export const KEY_RULE =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"

export function isKey(key: string): boolean {
  return /^[-._a-zA-Z0-9]+$/.test(key) && key.length <= 253
}

/** What --from-file names. */
export function readFiles(k: Kubectl, sources: readonly string[], streams: Streams, add: AddKey): void {
  for (const source of sources) fromFile(k, source, streams, add)
}

function fromFile(k: Kubectl, source: string, streams: Streams, add: AddKey): void {
  const at = source.indexOf('=')
  if (at === 0) throw new KubectlError(`key name for file path ${source.slice(1)} missing`)
  if (at > 0 && at === source.length - 1) throw new KubectlError(`file path for key name ${source.slice(0, at)} missing`)
  if (at > 0 && source.indexOf('=', at + 1) >= 0) throw new KubectlError('key names or file paths cannot contain \'=\'')
  const path = at < 0 ? source : source.slice(at + 1)
  const key = at < 0 ? path.slice(path.lastIndexOf('/') + 1) : source.slice(0, at)
  const stream = streams.get(path)
  if (stream) return add(key, stream)
  const { fs } = k.process
  const real = k.process.resolve(path)
  if (!fs.exists(real)) throw new KubectlError(`error reading ${path}: no such file or directory`)
  if (fs.stat(real).type === 'directory') {
    if (at >= 0) throw new KubectlError('cannot give a key name for a directory path')
    for (const child of fs.readDirectory(real)) {
      if (fs.stat(`${real}/${child}`).type === 'file') add(child, fs.readFile(`${real}/${child}`))
    }
    return
  }
  let content: Uint8Array
  try {
    content = fs.readFile(real)
  } catch (error) {
    throw new KubectlError(`error reading ${path}: ${messageOf(error).toLowerCase()}`)
  }
  add(key, content)
}

function fromEnvFile(k: Kubectl, source: string, streams: Streams, add: AddKey): void {
  const { fs } = k.process
  const real = k.process.resolve(source)
  const stream = streams.get(source)
  if (!stream && !fs.exists(real)) throw new KubectlError(`error reading ${source}: no such file or directory`)
  if (!stream && fs.stat(real).type === 'directory') throw new KubectlError('env config file cannot be a directory')
  for (const line of (stream ? decodeUtf8(stream) : fs.readText(real)).replace(/^\ufeff/, '').split('\n')) {
    const trimmed = line.trimStart()
    if (trimmed === '' || trimmed.startsWith('#')) continue
    const at = trimmed.indexOf('=')
    const key = at < 0 ? trimmed : trimmed.slice(0, at)
    if (!/^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(key)) {
      throw new KubectlError(`${quote(key)} is not a valid key name: a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')`)
    }
    add(key, encodeUtf8(at < 0 ? (k.process.env.get(key) ?? '') : trimmed.slice(at + 1).replace(/\r$/, '')))
  }
}
