import type { ApiResource } from '../../engine/kubernetes/client.ts'
import { isPreferred } from '../../engine/kubernetes/kinds/kind.ts'
import type { Task } from '../../engine/machine/task.ts'
import { clusterInfoDump } from './cluster-info-dump.ts'
import type { Command, Kubectl } from './command.ts'
import { KubectlError } from './errors.ts'
import { flags } from './flags.ts'
import { goJson } from './json.ts'
import { serverUrl } from './client-config.ts'
import { isNoServer, unanswered } from './no-server.ts'
import type { JsonObject } from './objects.ts'
import { TABLE, TabWriter } from './printers/tabwriter.ts'
import { toYaml } from './yaml.ts'

/** What a server is and has: version, api-resources, api-versions, cluster-info. */

const CLIENT = {
  major: '1', minor: '33', gitVersion: 'v1.33.1', gitCommit: '8adc0f041b8e7ad1d30e29cc59c6ae7a15e19828', gitTreeState: 'clean',
  buildDate: '2025-05-15T08:27:33Z', goVersion: 'go1.24.2', compiler: 'gc', platform: 'linux/amd64',
}
const KUSTOMIZE = 'v5.6.0'

export const version: Command = {
  name: 'version',
  short: 'Print the client and server version information',
  use: 'version [flags]',
  flags: flags(`
    --client bool
    -o --output string
  `),
  *run(k): Task<number> {
    if (!k.flags.bool('client') && k.args.length > 0) throw new KubectlError(`extra arguments: [${k.args.join(' ')}]`)
    const output = k.flags.string('output')
    if (!['', 'yaml', 'json'].includes(output)) throw new KubectlError("--output must be 'yaml' or 'json'")
    let server: ReturnType<Kubectl['client']['serverVersion']> | undefined
    let failure: unknown
    if (!k.flags.bool('client')) {
      try {
        server = k.client.serverVersion()
      } catch (error) {
        // what the configuration is wrong about comes before anything
        if (!isNoServer(error)) throw error
        failure = error
      }
    }
    if (output === '') {
      yield* k.out(`Client Version: ${CLIENT.gitVersion}\nKustomize Version: ${KUSTOMIZE}\n${server ? `Server Version: ${server.gitVersion}\n` : ''}`)
    } else {
      const info: JsonObject = { clientVersion: CLIENT, kustomizeVersion: KUSTOMIZE, ...(server ? { serverVersion: serverInfo(server) } : {}) }
      yield* k.out(output === 'yaml' ? `${toYaml(info)}\n` : `${goJson(info, '  ')}\n`)
    }
    if (failure !== undefined) throw failure
    return 0
  },
}

/** version.Info in Go's order. */
function serverInfo(server: ReturnType<Kubectl['client']['serverVersion']>): JsonObject {
  const { major, minor, gitVersion, gitCommit, buildDate, goVersion, platform } = server
  return { major, minor, gitVersion, gitCommit, gitTreeState: 'clean', buildDate, goVersion, compiler: 'gc', platform }
}

export const apiResources: Command = {
  name: 'api-resources',
  short: 'Print the supported API resources on the server',
  use: 'api-resources [flags]',
  flags: flags(`
    --api-group string
    --cached bool -
    --categories slice
    --namespaced bool=true
    --no-headers bool
    -o --output string
    --sort-by string
    --verbs slice
  `),
  *run(k): Task<number> {
    const { flags: f } = k
    if (k.args.length > 0) throw k.usageError(`unexpected arguments: [${k.args.join(' ')}]`)
    const output = f.string('output')
    if (!['', 'wide', 'name'].includes(output)) throw new KubectlError(`--output ${output} is not available`)
    const sortBy = f.string('sort-by')
    if (!['', 'name', 'kind'].includes(sortBy)) throw new KubectlError('--sort-by accepts only name or kind')
    const key = (r: ApiResource): string => (sortBy === 'name' ? r.name : sortBy === 'kind' ? r.kind : r.group)
    let all: readonly ApiResource[] = []
    let failure: unknown
    try {
      // they are asked for, whatever is known
      k.client.serverVersion()
      all = k.client.resources()
    } catch (error) {
      if (!isNoServer(error)) throw error
      failure = error
    }
    const found = all.filter(isPreferred)
      .filter((r) => !f.changed('api-group') || r.group === f.string('api-group'))
      .filter((r) => !f.changed('namespaced') || r.namespaced === f.bool('namespaced'))
      .filter((r) => f.list('verbs').every((v) => r.verbs.includes(v)) && f.list('categories').every((c) => r.categories.includes(c)))
      .sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : a.name < b.name ? -1 : 1))
    const writer = new TabWriter(TABLE)
    if (!f.bool('no-headers') && output !== 'name') {
      writer.write(`${['NAME', 'SHORTNAMES', 'APIVERSION', 'NAMESPACED', 'KIND', ...(output === 'wide' ? ['VERBS', 'CATEGORIES'] : [])].join('\t')}\n`)
    }
    for (const r of found) {
      if (output === 'name') {
        writer.write(`${r.group ? `${r.name}.${r.group}` : r.name}\n`)
        continue
      }
      const cells = [r.name, r.shortNames.join(','), r.group ? `${r.group}/${r.version}` : r.version, String(r.namespaced), r.kind]
      if (output === 'wide') cells.push(r.verbs.join(','), r.categories.join(','))
      writer.write(`${cells.join('\t')}\n`)
    }
    yield* k.out(writer.flush())
    if (failure !== undefined) throw failure
    return 0
  },
}

function served(k: Kubectl): readonly ApiResource[] {
  try {
    k.client.serverVersion()
    return k.client.resources()
  } catch (error) {
    if (!isNoServer(error)) throw error
    throw Object.assign(new KubectlError(`couldn't get available api versions from server: ${unanswered(error, 'Get', '/api?timeout=32s')}`), { cause: error })
  }
}

export const apiVersions: Command = {
  name: 'api-versions',
  short: 'Print the supported API versions on the server, in the form of "group/version"',
  use: 'api-versions',
  *run(k): Task<number> {
    if (k.args.length > 0) throw k.usageError(`unexpected arguments: [${k.args.join(' ')}]`)
    const versions = new Set(served(k).map((r) => (r.group ? `${r.group}/${r.version}` : r.version)))
    yield* k.out([...versions].sort().map((v) => `${v}\n`).join(''))
    return 0
  },
}

const DUMP = "\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.\n"

export const clusterInfo: Command = {
  name: 'cluster-info',
  short: 'Display cluster information',
  use: 'cluster-info [flags]',
  commands: [clusterInfoDump],
  *run(k): Task<number> {
    const colour = (code: number, word: string): string => (k.process.terminalOf(1) ? `\x1b[${code}m${word}\x1b[0m` : word)
    const running = (name: string, link: string): string => `${colour(32, name)} is running at ${colour(33, link)}\n`
    const host = serverUrl(k.cluster)
    try {
      k.client.serverVersion()
    } catch (error) {
      if (isNoServer(error)) yield* k.out(DUMP)
      throw error
    }
    const services = k.client.list('services', { namespace: 'kube-system', labelSelector: 'kubernetes.io/cluster-service=true' }).items
    let out = running('Kubernetes control plane', host)
    for (const service of services) {
      const { name, namespace, labels } = service.metadata
      const port = (service as unknown as { spec: { ports?: { name?: string; port: number }[] } }).spec.ports?.[0]
      const scheme = port?.name === 'https' || port?.port === 443 ? 'https:' : ''
      const target = port ? `${scheme}${name}${port.name || scheme ? `:${port.name ?? ''}` : ''}` : name
      out += running(labels?.['kubernetes.io/name'] ?? name, `${host}/api/v1/namespaces/${namespace ?? ''}/services/${target}/proxy`)
    }
    yield* k.out(out + DUMP)
    return 0
  },
}

