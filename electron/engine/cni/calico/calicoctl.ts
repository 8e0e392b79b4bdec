import { ConnectionError, StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import type { NetworkPolicy } from '../../kubernetes/types.ts'
import type { Program } from '../../machine/types.ts'
import { decodeUtf8 } from '../../text.ts'
import type { SystemServices } from '../../programs/types.ts'
import { birdError, type Bird } from './bird.ts'
import { DERIVED_KINDS, kubernetesPolicy } from './calicoctl-derived.ts'
import { boxed, check, configure, releaseIp, showBorrowed, showConfiguration, showIp, showUtilization } from './calicoctl-ipam.ts'
import { act, calicoKind, findStored, listView, patchStored, printObjects, readObjects, storedName, viewOf, type Action, type CalicoKind, type Given, type Stored } from './calicoctl-objects.ts'
import { parseInvocation, type Answer, type Invocation } from './calicoctl-usage.ts'
import { calicoResource } from './datastore.ts'
import { CALICO_GROUP, CALICO_VERSION } from './names.ts'

/** calicoctl v3.30 (calicoctl/calicoctl): get, apply and its like, patch, node status, ipam show and check, version; on nodes, on the laptop and in calico/ctl. */
const SUPPORTED = 'use get, apply, create, replace, delete, patch, label, node status, ipam show, check, configure, release or version'

export function calicoctl(services: SystemServices, bird: (node: string) => { running: boolean; birds: readonly Bird[] } | undefined): Program {
  return function* (process) {
    const given = parseInvocation(process.argv.slice(1))
    let answer: Answer
    if (!('command' in given)) answer = given
    else {
      const file = given.options.get('--filename')
      const path = file === undefined || file === '-' ? undefined : process.resolve(file)
      if (path !== undefined && !process.fs.exists(path)) answer = { stderr: `Failed to execute command: open ${file}: no such file or directory\n`, code: 1 }
      else if (path !== undefined && process.fs.stat(path).type === 'directory') answer = notSimulated(`calicoctl ${given.command} -f of a directory`, 'name each file')
      else {
        const content = path !== undefined ? process.fs.readText(path) : file === '-' ? decodeUtf8(yield* process.readAll()) : undefined
        try {
          answer = run(services.client, given, content, () => {
            const node = services.nodeOf(process)?.name ?? process.network.name
            return nodeStatus(process.user.uid, bird(node), (at) => process.clock.wall() - process.clock.now + at)
          })
        } catch (error) {
          if (!(error instanceof StatusError || error instanceof ConnectionError)) throw error
          answer = { stderr: `${given.command === 'get' ? 'Failed to get resources: ' : ''}${error.message}\n`, code: 1 }
        }
      }
    }
    yield* process.print(answer.stdout ?? '')
    yield* process.printError(answer.stderr ?? '')
    return answer.code ?? 0
  }
}

function notSimulated(what: string, instead: string): Answer {
  return { stderr: `podhop: not simulated: ${what} (${instead})\n`, code: 69 }
}

/** What a command that fits its usage does. */
export function run(client: KubernetesClient, invocation: Invocation, content: string | undefined, status: () => Answer): Answer {
  const { command, options } = invocation
  for (const option of ['--config', '--context', '--kubeconfig', '--poll', '--recursive', ...(command === 'ipam check' ? ['--output'] : [])]) if (options.has(option)) return notSimulated(`calicoctl ${command} ${option}`, 'use it without')
  switch (command) {
    case 'version': return { stdout: `Client Version:    ${CALICO_VERSION}\nGit commit:        3302e8bfd\n${options.has('--client') ? '' : clusterVersion(client)}` }
    case 'node status': return status()
    case 'ipam show':
      if (options.has('--ip')) return showIp(client, options.get('--ip')!)
      return options.has('--show-borrowed') ? showBorrowed(client) : options.has('--show-configuration') ? showConfiguration(client) : showUtilization(client, options.has('--show-blocks'))
    case 'ipam check': return check(client, options.has('--show-all-ips'), options.has('--show-all-ips') || options.has('--show-problem-ips'))
    case 'ipam configure': return configure(client, options.get('--strictaffinity')!, options.get('--max-blocks-per-host'))
    case 'ipam release': {
      if (options.has('--from-report')) return notSimulated('calicoctl ipam release --from-report', 'use --ip')
      return options.has('--ip') ? releaseIp(client, options.get('--ip')!) : {}
    }
    case 'label': return label(client, invocation)
    case 'get': return get(client, invocation, content)
    case 'apply': case 'create': case 'replace': case 'delete': return change(client, command, invocation, content)
    case 'patch': return patch(client, invocation)
    default: return notSimulated(`calicoctl ${command}`, SUPPORTED)
  }
}

function clusterVersion(client: KubernetesClient): string {
  const spec = findStored(client, calicoKind('clusterinformation')!, undefined, 'default')?.spec
  const field = (name: string): string => {
    const value = spec?.[name]
    return typeof value === 'string' && value !== '' ? value : 'unknown'
  }
  return `Cluster Version:   ${field('calicoVersion')}\nCluster Type:      ${field('clusterType')}\n`
}

function kindOf(word: string): CalicoKind | undefined {
  const lower = word.toLowerCase()
  return calicoKind(word) ?? DERIVED_KINDS.find((k) => k.plural === lower || k.kind.toLowerCase() === lower || k.words.includes(lower))
}

/** commands/common/resources.go handleNamespace: undefined where the flags go with the kind. */
function misplaced(kind: CalicoKind, name: string, options: ReadonlyMap<string, string>): string | undefined {
  const [all, namespace] = [options.has('--all-namespaces'), options.get('--namespace') ?? '']
  if (!kind.namespaced) return all || namespace !== '' ? `${kind.kind} is not namespaced` : undefined
  if (all && namespace !== '') return 'cannot use both --namespace and --all-namespaces flags at the same time'
  return all && name !== '' ? 'cannot use --all-namespace flag for getting a single resource' : undefined
}

// ---- get -----------------------------------------------------------------------------------------------------

interface Found { kind: CalicoKind; objects: readonly Stored[]; list: boolean }

function get(client: KubernetesClient, { words: [what = '', ...names], options }: Invocation, content: string | undefined): Answer {
  const output = options.get('--output') ?? 'ps'
  const [form, value] = output.split(/=(.*)/s) as [string, string?]
  if (!['yaml', 'yml', 'json', 'ps', 'wide'].includes(output)) {
    const missing = { 'go-template': 'a template', 'go-template-file': 'a template file', 'custom-columns': 'at least one column' }[form as 'go-template']
    if (missing === undefined) return { stderr: `unrecognized output format '${output}'\n`, code: 1 }
    if (!value) return { stderr: `need to specify ${missing}\n`, code: 1 }
    if (form !== 'custom-columns') return notSimulated(`calicoctl get -o ${form}`, 'use -o json, yaml, wide or custom-columns')
  }
  const found: Found[] = []
  const errors: string[] = []
  const look = (kind: CalicoKind, name: string, namespace: string): void => {
    const wrong = misplaced(kind, name, options)
    if (wrong !== undefined) return void errors.push(wrong)
    if (name === '') return void found.push({ kind, objects: listed(client, kind, options.has('--all-namespaces') ? {} : { namespace }), list: true })
    const object = findStored(client, kind, namespace, name)
    if (object) found.push({ kind, objects: [object], list: false })
    else errors.push(absent(kind, namespace, name))
  }
  const namespace = options.get('--namespace') || 'default'
  if (content !== undefined) {
    const given = readObjects(content, options.get('--namespace'))
    if (typeof given === 'string') return { stderr: `Failed to execute command: ${given}\n`, code: 1 }
    for (const { kind, object: { metadata } } of given) look(kind, metadata.name ?? '', metadata.namespace ?? namespace)
  } else {
    const kind = kindOf(what)
    if (!kind) return { stderr: `Failed to get resources: resource type '${what}' is not supported\n`, code: 1 }
    for (const name of names.length === 0 ? [''] : names) look(kind, name, namespace)
  }
  const failed = errors.length > 0 ? { stderr: `${errors.join('\n')}\n`, code: 1 } : {}
  if (form === 'yaml' || form === 'yml' || form === 'json') {
    const bare = options.has('--export') && names.length > 0
    const revision = (objects: readonly Stored[]): string => String(Math.max(0, ...objects.map((o) => Number.parseInt(o.metadata.resourceVersion ?? '0', 10))))
    return { stdout: printObjects(form === 'json' ? 'json' : 'yaml', found.map(({ kind, objects, list }) => (list ? listView(kind, objects, revision(objects)) : viewOf(kind, objects[0]!, bare)))), ...failed }
  }
  const spaced = options.has('--all-namespaces') || (options.get('--namespace') ?? '') !== ''
  let text = ''
  for (const { kind, objects } of found) {
    const columns = form === 'custom-columns' ? value!.split(',') : form === 'wide' ? kind.wide : kind.columns
    const header = spaced && kind.namespaced ? ['NAMESPACE', ...columns] : columns
    const rows = objects.map(({ metadata, spec }): Record<string, string> => ({ NAMESPACE: metadata.namespace ?? '', NAME: metadata.name, ...kind.row(spec) }))
    const known = new Set(['NAME', ...kind.columns, ...kind.wide, ...(kind.namespaced ? ['NAMESPACE'] : [])])
    const unknown = header.find((c) => !known.has(c))
    if (unknown !== undefined) return { stdout: text, stderr: `Unknown heading ${unknown}, valid values are: ${[...known].join(', ')}\n`, code: 1 }
    text += `${tabbed([header, ...rows.map((r) => header.map((c) => r[c] ?? ''))])}\n`
  }
  return { stdout: text, ...failed }
}

function absent(kind: CalicoKind, namespace: string | undefined, name: string): string {
  const stored = storedName(kind, name)
  const about = `resource does not exist: ${kind.kind}(${kind.namespaced ? `${namespace}/` : ''}${stored}) with error:`
  const [own, resource] = kind.kind === 'Profile' ? [stored.replace(/^(kns|ksa\.[^.]*)\./, ''), stored.startsWith('ksa.') ? 'serviceaccounts' : 'namespaces'] : kind.kind === 'WorkloadEndpoint' ? [stored.replace(/^.*-k8s-(.*)-eth0$/, '$1').replaceAll('--', '-'), 'pods'] : kind.kind === 'Node' ? [stored, 'nodes'] : [stored, `${kind.plural}.${CALICO_GROUP}`]
  return `${about} ${resource} "${own}" not found`
}

/** Tiers by their order, everything else by name. */
function listed(client: KubernetesClient, kind: CalicoKind, scope: { namespace?: string }): readonly Stored[] {
  const within = kind.namespaced ? scope : {}
  if (kind.read) return kind.read(client, within)
  const items = [...client.list<Stored>(calicoResource(kind.plural), within).items]
  if (kind.kind === 'NetworkPolicy') items.push(...client.list<NetworkPolicy>('networkpolicies', within).items.map(kubernetesPolicy))
  const order = ({ spec }: Stored): number => (typeof spec['order'] === 'number' ? spec['order'] : Infinity)
  return kind.kind === 'Tier' ? items.sort((a, b) => order(a) - order(b)) : items
}

// ---- apply, create, replace, delete, patch -----------------------------------------------------------------------

function change(client: KubernetesClient, verb: Action, { words: [what = '', ...names], options }: Invocation, content: string | undefined): Answer {
  const done = { apply: 'applied', create: 'created', replace: 'replaced', delete: 'deleted' }[verb]
  let given: Given[] | string
  if (content === undefined) {
    const kind = kindOf(what)
    if (!kind) return { stderr: `resource type '${what}' is not supported\n`, code: 1 }
    if (kind.read || kind.kind === 'ClusterInformation') return notSimulated(`calicoctl delete ${what}`, 'use kubectl')
    if (names.length === 0) return notSimulated(`calicoctl delete ${what} without a name`, 'name what is to go')
    const wrong = misplaced(kind, '', options)
    if (wrong !== undefined) return { stderr: `${names.map(() => `Failed to delete '${kind.kind}' resource: ${wrong}\n`).join('')}\n`, code: 1 }
    given = names.map((name) => ({ kind, object: { apiVersion: 'projectcalico.org/v3', kind: kind.kind, metadata: { name, ...(kind.namespaced ? { namespace: options.get('--namespace') || 'default' } : {}) }, spec: {} } as Stored }))
  } else given = readObjects(content, options.get('--namespace'))
  if (typeof given === 'string') return given.startsWith('podhop: ') ? { stderr: `${given}\n`, code: 69 } : { stderr: `Failed to execute command: ${given}\n`, code: 1 }
  if (given.length === 0) return options.has('--skip-empty') ? { stdout: 'No resources specified\n' } : { stderr: `No resources specified in file ${options.get('--filename')}\n`, code: 1 }
  const kinds = new Set(given.map((g) => g.kind.kind))
  const single = kinds.size === 1 ? ` '${[...kinds][0]!}'` : ''
  const errors = given.flatMap((each) => {
    const error = act(client, verb, each)
    const skipped = error === undefined || (options.has('--skip-exists') && error.startsWith('resource already exists: ')) || (options.has('--skip-not-exists') && error.startsWith('resource does not exist: '))
    return skipped ? [] : [error]
  })
  // what could not be replaced is counted as if it was
  const handled = verb === 'replace' ? given.length : given.length - errors.length
  if (errors.length === 0) return { stdout: `Successfully ${done} ${handled}${single} resource(s)\n` }
  if (verb === 'delete') return { stdout: handled > 0 ? `Successfully deleted ${handled}${single} resource(s)\n` : '', stderr: `${errors.map((e) => `Failed to delete${single} resource: ${e}\n`).join('')}\n`, code: 1 }
  if (handled === 0) return { stderr: `Failed to ${verb} ${given.length === 1 ? `${single.trim()} resource` : `any${single} resources`}: [${errors.join(' ')}]\n`, code: 1 }
  const partial = verb === 'replace' || handled - errors.length > 0 ? `Partial success: ${done} the first ${handled} out of ${given.length}${single} resources:\n` : ''
  return { stdout: partial, stderr: verb === 'apply' ? `Hit error(s): [${errors.join(' ')}]\n` : verb === 'create' ? `Hit error: [${errors.join(' ')}]\n` : `Hit error: ${errors.at(-1)!}\n`, code: 1 }
}

function patch(client: KubernetesClient, { words: [what = '', name = ''], options }: Invocation): Answer {
  const kind = kindOf(what)
  if (!kind) return { stderr: `resource type '${what}' is not supported\n`, code: 1 }
  const wrong = misplaced(kind, name, options)
  if (wrong !== undefined) return { stderr: `Hit error: ${wrong}\n`, code: 1 }
  if (kind.read || kind.kind === 'ClusterInformation') return notSimulated(`calicoctl patch ${what}`, 'use kubectl annotate or kubectl patch')
  const namespace = kind.namespaced ? options.get('--namespace') || 'default' : undefined
  const old = findStored(client, kind, namespace, name)
  const error = old ? patchStored(client, kind, old, options.get('--patch')!) : absent(kind, namespace, name)
  return error === undefined ? { stdout: `Successfully patched 1 '${kind.kind}' resource\n` } : { stderr: `Hit error: ${error}\n`, code: 1 }
}

/** commands/label.go */
function label(client: KubernetesClient, { words: [what = '', name = '', given = ''], options }: Invocation): Answer {
  const failed = (text: string): Answer => ({ stderr: `${text}\n`, code: 1 })
  const remove = options.has('--remove')
  const [key = '', value = '', ...more] = remove ? [given] : given.split('=')
  if (more.length > 0) return failed(`invalid label ${given}`)
  const kind = kindOf(what)
  if (!kind) return failed(`Failed to execute command: resource type '${what}' is not supported`)
  const wrong = misplaced(kind, name, options)
  if (wrong !== undefined) return failed(`failed to get ${what} ${name}, error ${wrong}`)
  if (kind.read || kind.kind === 'ClusterInformation') return notSimulated(`calicoctl label ${what}`, 'use kubectl label')
  const namespace = kind.namespaced ? options.get('--namespace') || 'default' : undefined
  const old = findStored(client, kind, namespace, name)
  if (!old) return failed(`failed to get ${what} ${name}, error ${absent(kind, namespace, name)}`)
  const labels = new Map(Object.entries(old.metadata.labels ?? {}))
  const there = labels.get(key)
  if (remove && there === undefined) return failed(`cannot remove label of ${what} ${name}, key ${key} does not exist`)
  if (!remove && there !== undefined && there !== value && !options.has('--overwrite')) return failed(`failed to update label of ${what} ${name}, key ${key} is already present. please use '--overwrite' to set a new value.`)
  if (patchStored(client, kind, old, JSON.stringify({ metadata: { labels: { [key]: remove ? null : value } } })) !== undefined) return failed(`failed to update ${what} ${name}, label not changed`)
  return { stdout: `Successfully ${remove ? 'removed' : there === undefined ? 'set' : 'updated'} label ${key} ${remove ? 'from' : 'on'} ${what} ${name}\n` }
}

/** text/tabwriter with a minimum of five and three blanks between, also behind the last column. */
function tabbed(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(5, ...rows.map((r) => r[i]!.length + 3)))
  return rows.map((r) => `${r.map((cell, i) => cell.padEnd(widths[i]!)).join('')}\n`).join('')
}

const PEER_TYPES = { Mesh: 'node-to-node mesh', Global: 'global', Node: 'node specific' } as const

// ---- node status ---------------------------------------------------------------------------------------------

function nodeStatus(uid: number, state: { running: boolean; birds: readonly Bird[] } | undefined, wall: (at: number) => number): Answer {
  if (uid !== 0) return { stdout: 'Need to run as root.\n', code: 1 }
  if (!state?.running) return { stderr: 'Calico process is not running.\n', code: 1 }
  let text = 'Calico process is running.\n'
  if (state.birds.length === 0) return { stdout: `${text}\nThe BGP backend process (BIRD) is not running.\n\n` }
  for (const version of [4, 6] as const) {
    const bird = state.birds.find((b) => b.version === version)
    const peers = (bird?.peers ?? []).map((s) => {
      const up = s.state === 'Established'
      return [s.address, PEER_TYPES[bird!.kindOf(s.address)], up ? 'up' : 'start', new Date(wall(s.since)).toISOString().slice(11, 19), up ? s.state : `${s.state}${s.lastError ? ` ${birdError(s.lastError)}` : ''}`]
    })
    text += `\nIPv${version} BGP status\n`
    text += peers.length === 0 ? `No IPv${version} peers found.\n` : boxed(['PEER ADDRESS', 'PEER TYPE', 'STATE', 'SINCE', 'INFO'], peers)
  }
  return { stdout: `${text}\n` }
}
