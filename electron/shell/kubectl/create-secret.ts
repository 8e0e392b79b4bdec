import { encodeBase64 } from '../../engine/kubernetes/base64.ts'
import { decodeUtf8, encodeUtf8 } from '../../engine/text.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { CREATE_FLAGS, started } from './create-simple.ts'
import { KubectlError, messageOf, quote } from './errors.ts'
import { flags } from './flags.ts'
import { type AddKey, isKey, KEY_FLAGS, KEY_RULE, readFiles, readKeys, readStreams } from './key-sources.ts'
import { withHash } from './name-hash.ts'
import { define, type JsonObject, sortKeys } from './objects.ts'
import { createNamed, metadataOf } from './saving.ts'

function secret(name: string, type: string, data: JsonObject): JsonObject {
  const object: JsonObject = { kind: 'Secret', apiVersion: 'v1', metadata: metadataOf(name) }
  if (Object.keys(data).length > 0) object['data'] = sortKeys(data)
  if (type !== '') object['type'] = type
  return object
}

function dataOf(read: (add: AddKey) => void): JsonObject {
  const data: JsonObject = {}
  read((key, value) => {
    if (!isKey(key)) throw new KubectlError(`${quote(key)} is not valid key name for a Secret ${KEY_RULE}`)
    if (Object.hasOwn(data, key)) throw new KubectlError(`cannot add key ${key}, another key by that name already exists`)
    define(data, key, encodeBase64(value))
  })
  return data
}

const generic: Command = {
  name: 'generic',
  short: 'Create a secret from a local file, directory, or literal value',
  use: 'generic NAME [--type=string] [--from-file=[key=]source] [--from-literal=key1=value1] [--dry-run=server|client|none]',
  flags: flags(CREATE_FLAGS, KEY_FLAGS, `
    --type string
  `),
  *run(k): Task<number> {
    const name = yield* started(k)
    const streams = yield* readStreams(k, ['from-file', 'from-env-file'])
    return yield* createNamed(k, withHash(k, secret(name, k.flags.string('type'), dataOf((add) => readKeys(k, streams, add)))), 'secret')
  },
}

const tls: Command = {
  name: 'tls',
  short: 'Create a TLS secret',
  use: 'tls NAME --cert=path/to/cert/file --key=path/to/key/file [--dry-run=server|client|none]',
  flags: flags(CREATE_FLAGS, `
    --append-hash bool
    --cert string
    --key string
  `),
  *run(k): Task<number> {
    const name = yield* started(k)
    const [cert, key] = [k.flags.string('cert'), k.flags.string('key')]
    if (cert === '' || key === '') throw new KubectlError('key and cert must be specified')
    const files = { 'tls.crt': read(k, cert), 'tls.key': read(k, key) }
    // whether the two belong together is for cryptography to say, and there is none here
    if (!/-----BEGIN [A-Z ]*CERTIFICATE-----/.test(decodeUtf8(files['tls.crt']))) throw new KubectlError('tls: failed to find any PEM data in certificate input')
    if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(decodeUtf8(files['tls.key']))) throw new KubectlError('tls: failed to find any PEM data in key input')
    const data = Object.fromEntries(Object.entries(files).map(([file, bytes]) => [file, encodeBase64(bytes)]))
    return yield* createNamed(k, withHash(k, secret(name, 'kubernetes.io/tls', data)), 'secret')
  },
}

function read(k: Kubectl, path: string): Uint8Array {
  try {
    return k.process.fs.readFile(k.process.resolve(path))
  } catch (error) {
    throw new KubectlError(`Cannot read file ${path}, open ${path}: ${messageOf(error).toLowerCase()}`)
  }
}

const dockerRegistry: Command = {
  name: 'docker-registry',
  short: 'Create a secret for use with a Docker registry',
  use: 'docker-registry NAME --docker-username=user --docker-password=password --docker-email=email [--docker-server=string] [--from-file=[key=]source] [--dry-run=server|client|none]',
  flags: flags(CREATE_FLAGS, `
    --append-hash bool
    --docker-email string
    --docker-password string
    --docker-server string=https://index.docker.io/v1/
    --docker-username string
    --from-file slice
  `),
  *run(k): Task<number> {
    const name = yield* started(k)
    const { flags: f } = k
    const [username, password, email, server] = ['docker-username', 'docker-password', 'docker-email', 'docker-server'].map((flag) => f.string(flag))
    if (f.list('from-file').length > 0) {
      // what has no key of its own is the configuration
      const sources = f.list('from-file').map((source) => (source.includes('=') ? source : `.dockerconfigjson=${source}`))
      const streams = yield* readStreams(k, ['from-file'])
      return yield* createNamed(k, withHash(k, secret(name, 'kubernetes.io/dockerconfigjson', dataOf((add) => readFiles(k, sources, streams, add)))), 'secret')
    }
    if (!username || !password || !server) {
      throw new KubectlError('either --from-file or the combination of --docker-username, --docker-password and --docker-server is required')
    }
    const entry = { username, password, ...(email ? { email } : {}), auth: encodeBase64(encodeUtf8(`${username}:${password}`)) }
    const content = encodeBase64(encodeUtf8(JSON.stringify({ auths: { [server]: entry } })))
    return yield* createNamed(k, withHash(k, secret(name, 'kubernetes.io/dockerconfigjson', { '.dockerconfigjson': content })), 'secret')
  },
}

export const createSecret: Command = {
  name: 'secret',
  short: 'Create a secret using a specified subcommand',
  use: 'secret (docker-registry | generic | tls)',
  helpTo: 'stderr',
  commands: [dockerRegistry, generic, tls],
}

export const createServiceAccount: Command = {
  name: 'serviceaccount',
  aliases: ['sa'],
  short: 'Create a service account with the specified name',
  use: 'serviceaccount NAME [--dry-run=server|client|none]',
  flags: flags(CREATE_FLAGS),
  *run(k): Task<number> {
    return yield* createNamed(k, { kind: 'ServiceAccount', apiVersion: 'v1', metadata: metadataOf(yield* started(k)) }, 'serviceaccount')
  },
}
