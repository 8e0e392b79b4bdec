import { type ApiResource, type ListOptions, StatusError } from '../../engine/kubernetes/client.ts'
import { findNotSimulated } from '../../engine/kubernetes/discovery.ts'
import { isPreferred, resourceKey } from '../../engine/kubernetes/kinds/kind.ts'
import type { KubeObject } from '../../engine/kubernetes/types.ts'
import { Signal, type Task } from '../../engine/machine/task.ts'
import type { Kubectl } from './command.ts'
import type { FlagSet } from './flags.ts'
import { aggregate, isNotFound, KubectlError, NoSuchResourceError, quote } from './errors.ts'
import { kustomized } from './kustomize.ts'
import { documents, readManifests } from './manifests.ts'
import { type JsonObject, nameOf, namespaceOf } from './objects.ts'
import { byFiles } from './resource-files.ts'
import { notRegistered, TYPED } from './scheme.ts'
import { fetch, groupResource, notServed } from './fetch.ts'

/** What -k names, if a verb has it. */
export const folderOf = (f: FlagSet): string => (f.has('kustomize') ? f.string('kustomize') : '')

/** Resource arguments, as cli-runtime's resource.Builder understands them. */
export interface Info {
  resource: ApiResource
  namespace: string
  name: string
  source?: string
  object?: JsonObject
}

export interface Query {
  args?: readonly string[]
  /** Names (or type/name) of one default type, as `exec` and `logs` take them. */
  names?: { type: string; names: readonly string[] }
  filenames?: readonly string[]
  /** A folder with a kustomization (-k). */
  kustomize?: string
  recursive?: boolean
  allNamespaces?: boolean
  labelSelector?: string
  fieldSelector?: string
  all?: boolean
  /** A type alone means everything of it. */
  everything?: boolean
  /** Fetch what files name from the server. */
  latest?: boolean
  /** Do not fetch objects that are only named (delete). */
  unfetched?: boolean
  singleType?: boolean
  /** Fetch this part of the objects (--subresource). */
  subresource?: string
  /** Do not ask the server at all (--local). */
  local?: boolean
  /** How objects of files are checked before they are sent. */
  validate?: 'Strict' | 'Warn' | 'Ignore'
}

export interface Result {
  infos: Info[]
  errors: unknown[]
  /** What klog says of files. */
  notes?: string[]
  /** One object was asked for by its name (or one file). */
  single: boolean
  /** Types listed, in order: for empty answers and watches. */
  types: ApiResource[]
}

export const LOCAL_ONLY = `error: you must specify resources by --filename when --local is set.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'`

export const NO_RESOURCE = `You must provide one or more resources by argument or filename.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'
   '<resource> <name>'
   '<resource>'`

/** The objects of a text, in whatever namespace they say they are (the working one when they say none). */
export function ofText(k: Kubectl, content: string, source: string): Result {
  return byFiles(k, { allNamespaces: true }, { entries: documents(content, source), single: false }, '')
}

/** The query that the common flags make (-f, -R, -l, --field-selector, --all, -A). */
export function queryOf(k: Kubectl, more: Query = {}): Query {
  const f = k.flags
  return {
    filenames: f.has('filename') ? f.list('filename') : [],
    kustomize: folderOf(f),
    recursive: f.has('recursive') && f.bool('recursive'),
    labelSelector: f.has('selector') ? f.string('selector') : '',
    fieldSelector: f.has('field-selector') ? f.string('field-selector') : '',
    all: f.has('all') && f.bool('all'),
    subresource: f.has('subresource') && /^kubectl (get|edit)\b/.test(k.path) ? f.string('subresource') : '',
    allNamespaces: f.has('all-namespaces') && f.bool('all-namespaces'),
    ...more,
  }
}

/** "pods", "po", "deployments.apps", "deploy.v1.apps", "Pod". */
export function resourceFor(k: Kubectl, word: string): ApiResource {
  const found = k.client.findResource(word)
  if (found) return found
  const known = findNotSimulated(word)
  // a word that is not known is asked for again
  k.asksAgain = true
  k.client.serverVersion()
  throw known ? notServed(known) : new NoSuchResourceError(word.split('.')[0]!)
}

export function kindOf(resource: ApiResource): string {
  return resource.group ? `${resource.kind}.${resource.group}` : resource.kind
}
/** "deployment.apps" */
export function kindWord(resource: ApiResource): string {
  return kindOf(resource).toLowerCase()
}
/** What the client calls it. */
export function keyOf(resource: ApiResource): string {
  return resourceKey(resource)
}

function refuseCustom(result: Result): void {
  for (const { resource: { custom, kind, group, version } } of result.infos) {
    if (custom) throw notRegistered(kind, `${group}/${version}`)
  }
}

/** Finds what is asked for; what fails for single objects is collected, what is wrong with the question is thrown. */
export function* resolve(k: Kubectl, query: Query): Task<Result> {
  const result = yield* find(k, query)
  const files = (query.filenames?.length ?? 0) > 0
  if (TYPED.test(k.path)) refuseCustom(result)
  for (const note of result.notes ?? []) yield* k.err(`${k.logHead('W')} ${note}\n`)
  // a warning comes with an answer, and what is only shown asks nothing
  if (query.local || (files && !query.latest && k.flags.has('dry-run') && k.flags.string('dry-run') === 'client')) return result
  const warnings = new Set([...result.types, ...result.infos.map((i) => i.resource)].flatMap((r) => r.deprecation ?? []))
  for (const warning of [...shortNames(k, query), ...warnings]) yield* k.warn(warning)
  return result
}

/** What the shortcut expander of cli-runtime says of a short name that several kinds have. */
function shortNames(k: Kubectl, query: Query): string[] {
  const args = query.args ?? []
  const slashed = [...args, ...(query.names?.names ?? [])].filter((arg) => arg.includes('/')).map((arg) => arg.slice(0, arg.indexOf('/')))
  const words = [...new Set(slashed.length > 0 ? slashed : (args[0]?.split(',') ?? []))]
  return words.flatMap((word) => {
    const all = k.client.resources().filter((r) => r.shortNames.includes(word) && isPreferred(r))
    const first = k.client.findResource(word)
    return all.length < 2 ? [] : all.filter((r) => r !== first).map((r) => `short name ${quote(word)} could also match lower priority resource ${groupResource(r)}`)
  })
}

function* find(k: Kubectl, query: Query): Task<Result> {
  const selector = (query.labelSelector ?? '').trim()
  const fields = (query.fieldSelector ?? '').trim()
  const args = normalize(query.args ?? [])
  const tuples: { type: string; name: string }[] = []
  let types: string[] = []
  let names: string[] = []
  if (query.all && (selector || fields)) throw new KubectlError("setting 'all' parameter but found a non empty selector. ")
  const folder = query.kustomize ?? ''
  if (folder !== '' && (query.filenames ?? []).length > 0) throw new KubectlError('only one of -f or -k can be specified')
  if (query.local && query.filenames?.length === 0 && folder === '') throw new KubectlError(LOCAL_ONLY)
  if (folder !== '' && query.recursive) throw new KubectlError("the -k flag can't be used with -f or -R")
  const files = query.filenames && query.filenames.length > 0 ? yield* readManifests(k.process, query.filenames, query.recursive ?? false) : folder === '' ? undefined : yield* kustomized(k, folder)
  if (query.names) {
    for (const name of query.names.names) tuples.push(name.includes('/') ? split(name) : { type: query.names.type, name })
  }
  if (args.some((a) => a.includes('/'))) {
    if (!args.every((a) => a.includes('/'))) {
      throw new KubectlError("there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'")
    }
    for (const arg of args) tuples.push(split(arg))
  } else if (args.length > 0) {
    const expanded = expandCategories(k, args[0]!)
    types = [...new Set(expanded.split(','))]
    names = args.slice(1)
    if (names.length > 0 && types.length > 1 && expanded !== args[0]) throw new KubectlError('you must specify only one resource')
  }
  if (files) {
    if (types.length > 0 && names.length === 0) throw new KubectlError('when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well')
    if (types.length > 0) throw new KubectlError('when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well')
    if (tuples.length > 0) throw new KubectlError('resource/name arguments cannot be provided when a path is specified')
    return byFiles(k, query, files, selector)
  }
  if (selector || fields || query.all || (query.everything && types.length > 0 && names.length === 0)) {
    if (names.length > 0) throw new KubectlError('name cannot be provided when a selector is specified')
    if (tuples.length > 0) throw new KubectlError('selectors and the all flag cannot be used when passing resource/name arguments')
    if (types.length === 0) throw new KubectlError('at least one resource must be specified to use a selector')
    return byList(k, query, yield* inquired(k, mappings(k, types, query.singleType)), selector, fields)
  }
  if (tuples.length > 0) {
    const wanted = tuples.map(({ type, name }) => ({ resource: resourceFor(k, type), name }))
    yield* inquired(k, wanted.map(({ resource }) => resource))
    return byNames(k, query, wanted)
  }
  if (names.length > 0) {
    const wanted = yield* inquired(k, mappings(k, types, query.singleType))
    return byNames(k, query, wanted.flatMap((resource) => names.map((name) => ({ resource, name }))))
  }
  if (types.length > 0) {
    for (const type of types) resourceFor(k, type)
    throw new KubectlError('resource(s) were provided, but no name was specified')
  }
  throw new KubectlError(NO_RESOURCE)
}

/** The same, with everything that went wrong thrown. */
export function* resolveAll(k: Kubectl, query: Query): Task<Info[]> {
  const { infos, errors } = yield* resolve(k, query)
  if (errors.length > 0) throw aggregate(errors)
  return infos
}

/** `get svc, pods` is `get svc,pods`. */
function normalize(args: readonly string[]): string[] {
  if (args.length >= 2) {
    const out: string[] = []
    let joined = args[0]!
    let i = 1
    while (i < args.length && (joined.endsWith(',') || args[i]!.startsWith(','))) joined += args[i++]!
    out.push(joined.replace(/,+/g, ',').replace(/^,|,$/g, ''))
    return [...out, ...args.slice(i)]
  }
  return [...args]
}

function split(arg: string): { type: string; name: string } {
  const parts = arg.split('/')
  if (parts.length > 2) throw new KubectlError('arguments in resource/name form may not have more than one slash')
  if (!parts[0] || !parts[1] || parts[0].split(',').length !== 1) throw new KubectlError('arguments in resource/name form must have a single resource and name')
  return { type: parts[0], name: parts[1] }
}

const ALL_ORDER = ['pods', 'replicationcontrollers', 'services', 'daemonsets', 'deployments', 'replicasets', 'statefulsets', 'horizontalpodautoscalers', 'cronjobs', 'jobs']

function expandCategories(k: Kubectl, word: string): string {
  return word.split(',').map((part) => {
    const resources = k.client.resources().filter((r) => r.categories.includes(part) && isPreferred(r))
    if (resources.length === 0 || k.client.findResource(part)) return part
    const order = (name: string): number => (ALL_ORDER.includes(name) ? ALL_ORDER.indexOf(name) : ALL_ORDER.length)
    return [...resources].sort((a, b) => order(a.name) - order(b.name)).map((r) => (r.group ? `${r.name}.${r.group}` : r.name)).join(',')
  }).join(',')
}

function mappings(k: Kubectl, types: readonly string[], single = false): ApiResource[] {
  if (single && types.length > 1) throw new KubectlError('you may only specify a single resource type')
  return [...new Set(types.map((type) => resourceFor(k, type)))]
}

function byList(k: Kubectl, query: Query, types: readonly ApiResource[], selector: string, fields: string): Result {
  if (query.subresource) throw new KubectlError('subresource cannot be used when bulk resources are specified')
  const infos: Info[] = []
  const errors: unknown[] = []
  for (const resource of types) {
    const options: ListOptions = listOptions(k, query, resource)
    if (selector) options.labelSelector = selector
    if (fields) options.fieldSelector = fields
    try {
      for (const object of inChunks(k, resource, options)) infos.push(infoOf(resource, object as unknown as JsonObject))
    } catch (error) {
      errors.push(listError(error, resource, selector, fields))
    }
  }
  return { infos, errors, single: false, types: [...types] }
}

/** The same, when the server has found out what it knows only when it is asked. */
function* inquired(k: Kubectl, types: readonly ApiResource[]): Task<readonly ApiResource[]> {
  for (const type of new Set(types)) {
    if (type.name !== 'componentstatuses') continue
    const known = new Signal()
    let done = false
    const stop = k.client.inquire(keyOf(type), () => {
      done = true
      known.notify()
    })
    try {
      if (!done) yield known.wait
    } finally {
      if (!done) stop()
    }
  }
  return types
}

/** FollowContinue, for commands with --chunk-size: the pages of one list. */
function* inChunks(k: Kubectl, resource: ApiResource, options: ListOptions): Generator<KubeObject> {
  const limit = k.flags.has('chunk-size') ? k.flags.int('chunk-size') : 0
  let token: string | undefined
  do {
    const page = k.client.list(keyOf(resource), { ...options, ...(limit > 0 ? { limit } : {}), ...(token ? { continue: token } : {}) })
    yield* page.items
    token = page.continue
  } while (token)
}

export function listOptions(k: Kubectl, query: Pick<Query, 'allNamespaces'>, resource: ApiResource): ListOptions {
  return resource.namespaced && !query.allNamespaces ? { namespace: k.namespace.name } : {}
}

/** EnhanceListError. */
function listError(error: unknown, resource: ApiResource, selector: string, fields: string): unknown {
  if (error instanceof StatusError && (error.status.reason === 'BadRequest' || error.status.reason === 'NotFound')) {
    const what = selector === '' && fields === '' ? `Unable to list ${quote(gvr(resource))}` : `Unable to find ${quote(gvr(resource))} that match label selector ${quote(selector)}, field selector ${quote(fields)}`
    return new StatusError({ ...error.status, message: `${what}: ${error.message}` })
  }
  return error
}
/** "deployments.apps" */
/** "/v1, Resource=pods" */
export function gvr(resource: ApiResource): string {
  return `${resource.group}/${resource.version}, Resource=${resource.name}`
}

function byNames(k: Kubectl, query: Query, wanted: readonly { resource: ApiResource; name: string }[]): Result {
  const infos: Info[] = []
  const errors: unknown[] = []
  const types = [...new Set(wanted.map((w) => w.resource))]
  if (query.singleType && types.length > 1) throw new KubectlError('you may only specify a single resource type')
  if (query.allNamespaces && types.some((t) => t.namespaced)) throw new KubectlError('a resource cannot be retrieved by name across all namespaces')
  for (const { resource, name } of wanted) {
    const info: Info = { resource, name, namespace: resource.namespaced ? k.namespace.name : '' }
    try {
      infos.push(query.unfetched ? info : fetch(k, info, query.subresource))
    } catch (error) {
      errors.push(error)
    }
  }
  return { infos, errors, single: wanted.length === 1, types: [...new Set(infos.map((i) => i.resource))] }
}

export function infoOf(resource: ApiResource, object: JsonObject): Info {
  return { resource, namespace: namespaceOf(object), name: nameOf(object), object }
}

export function ignoreNotFound(errors: readonly unknown[]): unknown[] {
  return errors.filter((e) => !isNotFound(e))
}

/** What client-go makes of the 404 of a path that the server does not have; its scale client leaves the group out. */
export function refuseUnserved(verb: string, { resource, name }: Info, subresource: string): void {
  if (subresource === '' || resource.subresources.includes(subresource)) return
  const what = resource.group && subresource !== 'scale' ? `${resource.name}.${resource.group}` : resource.name
  throw new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: `the server could not find the requested resource (${verb} ${what} ${name})`, reason: 'NotFound', code: 404 })
}
