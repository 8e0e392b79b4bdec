import { encodeBase64 } from '../../engine/kubernetes/base64.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { changedStrings, entryOf, relativePath, withEntry } from './config-paths.ts'
import { helpAnd } from './config-set.ts'
import { KubectlError, quote } from './errors.ts'
import { flags } from './flags.ts'
import { type JsonObject, list, map, text } from './objects.ts'

/** `config set-cluster` and `config set-credentials` (kubectl's pkg/cmd/config/set_cluster.go, set_credentials.go). */

/** A file's content, for --embed-certs. */
function embedded(k: Kubectl, flag: string): string {
  const path = k.flags.string(flag)
  const real = k.process.resolve(path)
  if (!k.process.fs.exists(real)) throw new KubectlError(`could not stat ${flag} file ${path}: stat ${path}: no such file or directory`)
  return encodeBase64(k.process.fs.readFile(real))
}

/** A path as the file holds it: from the file's own folder. */
function stored(k: Kubectl, kind: 'clusters' | 'users', name: string, path: string): string {
  return path === '' ? '' : relativePath(k.config.folderOf(kind, name), k.process.resolve(path))
}

export const setCluster: Command = {
  name: 'set-cluster',
  short: 'Set a cluster entry in kubeconfig',
  use: 'set-cluster NAME [--server=server] [--certificate-authority=path/to/certificate/authority] [--insecure-skip-tls-verify=true] [--tls-server-name=example.com]',
  flags: flags(`
    --certificate-authority string
    --embed-certs bool?true
    --insecure-skip-tls-verify bool?true
    --proxy-url string
    --server string
    --tls-server-name string
  `),
  *run(k): Task<number> {
    const { flags: f } = k
    if (k.args.length !== 1) return yield* helpAnd(k, `Unexpected args: [${k.args.join(' ')}]`)
    const name = k.args[0]!
    if (f.bool('insecure-skip-tls-verify') && f.string('certificate-authority') !== '') throw new KubectlError('you cannot specify a certificate authority and insecure mode at the same time')
    if (f.bool('embed-certs')) {
      if (f.string('certificate-authority') === '') throw new KubectlError('you must specify a --certificate-authority to embed')
      embedded(k, 'certificate-authority')
    }
    k.config.modify('clusters', name, (content) => {
      const cluster: JsonObject = { ...entryOf(content['clusters'], 'clusters', name) }
      for (const [field, value] of changedStrings(f, ['server', 'tls-server-name', 'proxy-url'])) cluster[field] = value
      if (f.changed('server') && !f.changed('tls-server-name')) delete cluster['tls-server-name']
      // what is not said is not so
      delete cluster['insecure-skip-tls-verify']
      if (f.bool('insecure-skip-tls-verify')) {
        cluster['insecure-skip-tls-verify'] = true
        for (const field of ['certificate-authority', 'certificate-authority-data']) delete cluster[field]
      }
      if (f.changed('certificate-authority')) {
        const path = f.string('certificate-authority')
        delete cluster['certificate-authority-data']
        if (f.bool('embed-certs')) {
          cluster['certificate-authority-data'] = embedded(k, 'certificate-authority')
          delete cluster['certificate-authority']
          delete cluster['insecure-skip-tls-verify']
        } else {
          cluster['certificate-authority'] = stored(k, 'clusters', name, path)
          if (path !== '') for (const field of ['insecure-skip-tls-verify', 'certificate-authority-data']) delete cluster[field]
        }
      }
      content['clusters'] = withEntry(content['clusters'], 'clusters', name, cluster)
    })
    yield* k.out(`Cluster ${quote(name)} set.\n`)
    return 0
  },
}

export const setCredentials: Command = {
  name: 'set-credentials',
  short: 'Set a user entry in kubeconfig',
  use: 'set-credentials NAME [--client-certificate=path/to/certfile] [--client-key=path/to/keyfile] [--token=bearer_token] [--username=basic_user] [--password=basic_password] [--auth-provider=provider_name] [--auth-provider-arg=key=value] [--exec-command=exec_command] [--exec-api-version=exec_api_version] [--exec-arg=arg] [--exec-env=key=value]',
  flags: flags(`
    --auth-provider string
    --auth-provider-arg slice
    --client-certificate string
    --client-key string
    --embed-certs bool?true
    --exec-api-version string
    --exec-arg slice
    --exec-command string
    --exec-env array
    --exec-interactive-mode string
    --exec-provide-cluster-info bool?true
    --password string
    --token string
    --username string
  `),
  *run(k): Task<number> {
    const { flags: f } = k
    if (k.args.length !== 1) return yield* helpAnd(k, `unexpected args: [${k.args.join(' ')}]`)
    const name = k.args[0]!
    const providerArgs = pairs(f.list('auth-provider-arg'))
    if (typeof providerArgs === 'string') return yield* helpAnd(k, `invalid auth-provider-arg format: ${providerArgs}`)
    const environment = pairs(f.list('exec-env'))
    if (typeof environment === 'string') return yield* helpAnd(k, `invalid exec-env format: ${environment}`)
    const methods = [...(f.string('token') ? ['--token'] : []), ...(f.string('username') || f.string('password') ? ['--username/--password'] : [])]
    if (methods.length > 1) throw new KubectlError(`you cannot specify more than one authentication method at the same time: ${methods.join(', ')}`)
    if (f.bool('embed-certs')) {
      const given = ['client-certificate', 'client-key'].filter((flag) => f.string(flag) !== '')
      if (given.length === 0) throw new KubectlError('you must specify a --client-certificate or --client-key to embed')
      for (const flag of given) embedded(k, flag)
    }
    const mode = f.string('exec-interactive-mode')
    if (mode !== '' && !['IfAvailable', 'Never', 'Always'].includes(mode)) throw new KubectlError('invalid interactive mode type, can be only IfAvailable, Never, Always')
    k.config.modify('users', name, (content) => {
      const user: JsonObject = { ...entryOf(content['users'], 'users', name) }
      certificates(k, name, user)
      if (f.changed('token')) {
        user['token'] = f.string('token')
        if (f.string('token') !== '') for (const field of ['username', 'password', 'tokenFile']) delete user[field]
      }
      for (const [field, value] of changedStrings(f, ['username', 'password'])) {
        user[field] = value
        if (value !== '') for (const other of ['token', 'tokenFile']) delete user[other]
      }
      if (f.changed('auth-provider')) {
        const provider = f.string('auth-provider')
        if (provider === '') delete user['auth-provider']
        else user['auth-provider'] = { config: null, ...map(user['auth-provider']), name: provider }
      }
      const provider = user['auth-provider']
      if (provider !== undefined && (providerArgs.set.length > 0 || providerArgs.remove.length > 0)) {
        const config: JsonObject = { ...map(map(provider)['config']), ...Object.fromEntries(providerArgs.set) }
        for (const key of providerArgs.remove) delete config[key]
        user['auth-provider'] = { config, name: text(map(provider)['name']) }
      }
      execOf(k, user, environment)
      content['users'] = withEntry(content['users'], 'users', name, user)
    })
    yield* k.out(`User ${quote(name)} set.\n`)
    return 0
  },
}

function certificates(k: Kubectl, name: string, user: JsonObject): void {
  const { flags: f } = k
  for (const field of ['client-certificate', 'client-key']) {
    if (!f.changed(field)) continue
    const path = f.string(field)
    if (f.bool('embed-certs') && path !== '') {
      user[`${field}-data`] = embedded(k, field)
      delete user[field]
    } else {
      user[field] = stored(k, 'users', name, path)
      if (path !== '') delete user[`${field}-data`]
    }
  }
}

/** How a credential plugin is called. Other exec flags count only when there is one. */
function execOf(k: Kubectl, user: JsonObject, environment: Pairs): void {
  const { flags: f } = k
  if (f.changed('exec-command')) {
    const command = f.string('exec-command')
    if (command === '') delete user['exec']
    else user['exec'] = { apiVersion: '', args: null, env: null, provideClusterInfo: false, ...map(user['exec']), command }
  }
  if (user['exec'] === undefined) return
  const exec: JsonObject = { ...map(user['exec']) }
  for (const [flag, field] of [['exec-api-version', 'apiVersion'], ['exec-interactive-mode', 'interactiveMode']] as const) if (f.changed(flag)) exec[field] = f.string(flag)
  if (f.changed('exec-provide-cluster-info')) exec['provideClusterInfo'] = f.bool('exec-provide-cluster-info')
  if (f.changed('exec-arg')) exec['args'] = [...f.list('exec-arg')]
  if (environment.set.length > 0 || environment.remove.length > 0) {
    const now = new Map(list(exec['env']).map((e): [string, unknown] => [text(map(e)['name']), map(e)['value']]))
    for (const [key, value] of environment.set) now.set(key, value)
    for (const key of environment.remove) now.delete(key)
    exec['env'] = [...now].map(([key, value]) => ({ name: key, value }))
  }
  user['exec'] = exec
}

interface Pairs { set: [string, string][]; remove: string[] }

/** KEY=VALUE and KEY-; a text is one that is neither. */
function pairs(words: readonly string[]): Pairs | string {
  const found: Pairs = { set: [], remove: [] }
  for (const word of words) {
    const at = word.indexOf('=')
    if (at > 0) found.set.push([word.slice(0, at), word.slice(at + 1)])
    else if (at < 0 && word.endsWith('-')) found.remove.push(word.slice(0, -1))
    else return word
  }
  return found
}
