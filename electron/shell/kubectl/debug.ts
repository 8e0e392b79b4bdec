import type { ContainerStatus, KubeObject, Pod } from '../../engine/kubernetes/types.ts'
import type { JsonObject as PatchObject } from '../../engine/kubernetes/json.ts'
import { createStrategicMergePatch } from '../../engine/kubernetes/patch/three-way.ts'
import { schemaOf } from '../../engine/kubernetes/schema/index.ts'
import type { Task } from '../../engine/machine/task.ts'
import { attachTo } from './attach.ts'
import type { Command, Kubectl } from './command.ts'
import { applyProfile, type DebugStyle, type Keep } from './debug-profiles.ts'
import { ExitError, KubectlError, messageOf, quote } from './errors.ts'
import { customized, readCustomProfile } from './debug-custom.ts'
import { flags } from './flags.ts'
import { clone, isObject, type JsonObject, list, map } from './objects.ts'
import { containersOf, waitForPod } from './pods.ts'
import { type Info, queryOf, resolveAll } from './resources.ts'
import { IMAGE, printLog } from './run.ts'

export const debug: Command = {
  name: 'debug',
  short: 'Create debugging sessions for troubleshooting workloads and nodes',
  use: 'debug (POD | TYPE[[.VERSION].GROUP]/NAME) [ -- COMMAND [args...] ]',
  flags: flags(`
    --arguments-only bool
    --attach bool
    -c --container string
    --copy-to string
    --custom string
    --env map
    -f --filename slice
    --image string
    --image-pull-policy string
    --keep-annotations bool
    --keep-init-containers bool=true
    --keep-labels bool
    --keep-liveness bool
    --keep-readiness bool
    --keep-startup bool
    --profile string=legacy
    -q --quiet bool
    --replace bool
    --same-node bool
    --set-image map
    --share-processes bool=true
    -i --stdin bool
    --target string
    -t --tty bool
  `),
  run,
}

/** One call: what kubectl's DebugOptions hold. */
interface Options {
  args: readonly string[]
  image: string
  setImages: ReadonlyMap<string, string>
  env: JsonObject[]
  keep: Keep
  /** --custom: part of a container. */
  custom: JsonObject | undefined
}

function* run(k: Kubectl): Task<number> {
  const { flags: f } = k
  const { dash } = f
  const split = dash >= 0 && k.args.length > dash
  const names = split ? k.args.slice(0, dash) : k.args
  const options: Options = {
    args: split ? k.args.slice(dash) : [],
    image: f.string('image'),
    setImages: new Map(f.list('set-image').map((pair) => pairOf(pair))),
    env: f.list('env').map((pair) => pairOf(pair)).map(([name, value]) => (value === '' ? { name } : { name, value })),
    keep: {
      labels: f.bool('keep-labels'), annotations: f.bool('keep-annotations'), liveness: f.bool('keep-liveness'), readiness: f.bool('keep-readiness'),
      startup: f.bool('keep-startup'), initContainers: f.bool('keep-init-containers'),
    },
    custom: undefined,
  }
  yield* validate(k, options, names)
  const attaching = f.changed('attach') ? f.bool('attach') : f.bool('stdin')
  const query = queryOf(k, { latest: true })
  // one after the other: the first that fails is the last
  for (const each of names.length > 0 ? names.map((name) => ({ ...query, names: { type: 'pods', names: [name] } })) : [query]) {
    for (const info of yield* resolveAll(k, each)) {
      const { pod, container } = yield* visit(k, options, info)
      if (attaching && container !== '') yield* attachDebugger(k, pod, container)
    }
  }
  return 0
}

function pairOf(pair: string): [string, string] {
  const at = pair.indexOf('=')
  return [pair.slice(0, at), pair.slice(at + 1)]
}

function* validate(k: Kubectl, options: Options, names: readonly string[]): Task {
  const { image, setImages, args } = options
  const { flags: f } = k
  const fail = (message: string): never => {
    throw new KubectlError(message)
  }
  if (!['legacy', 'general', 'baseline', 'restricted', 'netadmin', 'sysadmin'].includes(f.string('profile'))) fail(`unknown profile: ${f.string('profile')}`)
  const custom = f.string('custom') === '' ? undefined : readCustomProfile(k.process, f.string('custom'))
  options.custom = custom
  if (f.changed('attach') && f.bool('attach') && image === '' && f.string('container') === '') fail('you must specify --container or create a new container using --image in order to attach.')
  if (f.string('copy-to') !== '') {
    if (image === '' && setImages.size === 0 && args.length === 0) fail('you must specify --image, --set-image or command arguments.')
    if (args.length > 0 && f.string('container') === '' && image === '') fail('you must specify an existing container or a new image when specifying args.')
  } else {
    if (f.bool('replace')) fail('--replace may only be used with --copy-to.')
    if (f.bool('same-node')) fail('--same-node may only be used with --copy-to.')
    if (setImages.size > 0) fail('--set-image may only be used with --copy-to.')
    if (image === '') fail('you must specify --image when not using --copy-to.')
  }
  if (image !== '' && !IMAGE.test(image)) fail(`invalid image name ${quote(image)}: invalid reference format`)
  if (names.length === 0 && f.list('filename').length === 0) fail('NAME or filename is required for debug')
  const pull = f.string('image-pull-policy')
  if (!['', 'Always', 'IfNotPresent', 'Never'].includes(pull)) fail(`invalid image pull policy: ${pull}`)
  for (const [name, each] of setImages) if (!IMAGE.test(each)) fail(`invalid image name ${quote(each)} for container ${quote(name)}: invalid reference format`)
  // begun anew, with the server found or the user logged in: said is said
  const again = k.dialled !== undefined || k.askedForPassword
  const target = f.string('target')
  if (target !== '') {
    if (f.string('copy-to') !== '') fail('--target is incompatible with --copy-to. Use --share-processes instead.')
    if (!f.bool('quiet') && !again) yield* k.out(`Targeting container ${quote(target)}. If you don't see processes from this container it may be because the container runtime doesn't support this feature.\n`)
  }
  if (f.bool('tty') && !f.bool('stdin')) fail('-i/--stdin is required for containers with -t/--tty=true')
  void k.clientConfig
  if (custom && (custom['name'] || list(custom['command']).length > 0 || custom['image'] || custom['lifecycle'] || list(custom['volumeDevices']).length > 0)) fail('name, command, image, lifecycle and volume devices are not modifiable via custom profile')
  if (f.string('profile') === 'legacy' && !again) yield* k.err('--profile=legacy is deprecated and will be removed in the future. It is recommended to explicitly specify a profile, for example "--profile=general".\n')
}

function* visit(k: Kubectl, options: Options, info: Info): Task<{ pod: Pod; container: string }> {
  if (info.resource.kind === 'Node') return yield* debugNode(k, options, (info.object as unknown as KubeObject).metadata.name)
  if (info.resource.kind !== 'Pod') {
    const { group, version, kind } = info.resource
    throw new KubectlError(`${quote(`${group}/${version}, Kind=${kind}`)} not supported by debug`)
  }
  const pod = info.object as unknown as Pod
  return k.flags.string('copy-to') !== '' ? yield* debugCopy(k, options, pod) : yield* debugEphemeral(k, options, pod)
}

/** --container, or "debugger-xxxxx" that no container of the Pod has yet. */
function* containerName(k: Kubectl, taken: readonly string[]): Task<string> {
  const given = k.flags.string('container')
  if (given !== '') return given
  let name
  do name = `debugger-${k.process.clock.random.suffix(5)}`
  while (taken.includes(name))
  if (!k.flags.bool('quiet')) yield* k.out(`Defaulting debug container name to ${name}.\n`)
  return name
}

function newContainer(k: Kubectl, { env, image, args }: Options, name: string): JsonObject {
  const { flags: f } = k
  return {
    name,
    image,
    ...(args.length > 0 ? { [f.bool('arguments-only') ? 'args' : 'command']: [...args] } : {}),
    ...(env.length > 0 ? { env } : {}),
    resources: {},
    terminationMessagePolicy: 'File',
    ...(f.string('image-pull-policy') !== '' ? { imagePullPolicy: f.string('image-pull-policy') } : {}),
    ...(f.bool('stdin') ? { stdin: true } : {}),
    ...(f.bool('tty') ? { tty: true } : {}),
  }
}

function* debugEphemeral(k: Kubectl, options: Options, pod: Pod): Task<{ pod: Pod; container: string }> {
  const name = yield* containerName(k, containersOf(pod).map((c) => c.name))
  const container = newContainer(k, options, name)
  const target = k.flags.string('target')
  if (target !== '') container['targetContainerName'] = target
  profile(k, 'ephemeral', { metadata: {}, spec: {} }, container, options)
  yield* warnOfUser(k, pod.spec as unknown as JsonObject, container)
  const { namespace } = pod.metadata
  const debugged = { ...pod, spec: { ...pod.spec, ephemeralContainers: [...(pod.spec.ephemeralContainers ?? []), container] } }
  // with the order that the containers are to have
  const patch = createStrategicMergePatch(pod as unknown as PatchObject, debugged as unknown as PatchObject, schemaOf('Pod'))
  const changed = yield* k.decided(() => k.client.patch<Pod>('pods', namespace, pod.metadata.name, 'application/strategic-merge-patch+json', patch, { subresource: 'ephemeralcontainers' }))
  return { pod: changed, container: name }
}

function* debugCopy(k: Kubectl, options: Options, original: Pod): Task<{ pod: Pod; container: string }> {
  const { flags: f } = k
  const { metadata } = original
  const copied: JsonObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: clone({ name: f.string('copy-to'), namespace: metadata.namespace, ...(metadata.annotations ? { annotations: metadata.annotations } : {}), ...(metadata.labels ? { labels: metadata.labels } : {}) }) as JsonObject,
    spec: clone(original.spec) as unknown as JsonObject,
  }
  const spec = copied['spec'] as JsonObject
  delete spec['ephemeralContainers']
  if (f.changed('share-processes')) spec['shareProcessNamespace'] = f.bool('share-processes')
  if (!f.bool('same-node')) delete spec['nodeName']
  const containers = list(spec['containers']).filter(isObject)
  for (const each of containers) {
    const image = options.setImages.get(String(each['name'])) ?? options.setImages.get('*')
    if (image) each['image'] = image
  }
  const all = [...containers, ...list(spec['initContainers']).filter(isObject)]
  let container = all.find((c) => c['name'] === f.string('container'))
  if (!container) {
    if (options.image === '') {
      if (options.setImages.size === 0) throw new KubectlError('you must specify image when creating new container')
      return { pod: yield* createCopy(k, copied, original), container: '' }
    }
    container = { name: yield* containerName(k, all.map((c) => String(c['name']))), terminationMessagePolicy: 'File' }
    containers.push(container)
    spec['containers'] = containers
  }
  const { args } = options
  if (args.length > 0 && f.bool('arguments-only')) container['args'] = [...args]
  else if (args.length > 0) {
    container['command'] = [...args]
    delete container['args']
  }
  if (options.env.length > 0) container['env'] = options.env
  if (options.image !== '') container['image'] = options.image
  if (f.string('image-pull-policy') !== '') container['imagePullPolicy'] = f.string('image-pull-policy')
  container['stdin'] = f.bool('stdin')
  container['tty'] = f.bool('tty')
  profile(k, 'copy', copied, container, options)
  yield* warnOfUser(k, spec, container)
  return { pod: yield* createCopy(k, copied, original), container: String(container['name']) }
}

function* createCopy(k: Kubectl, copied: JsonObject, original: Pod): Task<Pod> {
  const { namespace, name } = original.metadata
  const created = yield* k.decided(() => k.client.create<Pod>('pods', namespace, copied, { fieldManager: 'kubectl-debug' }))
  if (k.flags.bool('replace')) yield* k.decided(() => k.client.delete('pods', namespace, name, { gracePeriodSeconds: 0 }))
  yield* k.process.sleep(0, { background: false })
  return created
}

function* debugNode(k: Kubectl, options: Options, node: string): Task<{ pod: Pod; container: string }> {
  const container = k.flags.string('container') || 'debugger'
  const name = `node-debugger-${node}-${k.process.clock.random.suffix(5)}`
  if (!k.flags.bool('quiet')) yield* k.out(`Creating debugging pod ${name} with container ${container} on node ${node}.\n`)
  const made = newContainer(k, options, container)
  const pod: JsonObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [made], nodeName: node, restartPolicy: 'Never', tolerations: [{ operator: 'Exists' }] },
  }
  profile(k, 'node', pod, made, options)
  return { pod: (yield* k.decided(() => k.client.create<Pod>('pods', k.namespace.name, pod, { fieldManager: 'kubectl-debug' }))), container }
}

/** What --profile and --custom make of a container, in place. */
function profile(k: Kubectl, style: DebugStyle, pod: JsonObject, container: JsonObject, { keep, custom }: Options): void {
  applyProfile(k.flags.string('profile'), style, pod, container, keep)
  if (!custom) return
  const changed = customized(container, custom)
  for (const key of Object.keys(container)) delete container[key]
  Object.assign(container, changed)
}

/** Capabilities are of no use to a Pod that is nobody's root (kubernetes/kubectl#1650). */
function* warnOfUser(k: Kubectl, spec: JsonObject, container: JsonObject): Task {
  const user = map(spec['securityContext'])['runAsUser']
  const own = map(container['securityContext'])
  if (!user || !container['securityContext'] || own['runAsUser'] === 0) return
  if (own['privileged'] !== true && list(map(own['capabilities'])['add']).length === 0) return
  yield* k.err('Warning: Non-root user is configured for the entire target Pod, and some capabilities granted by debug profile may not work. Please consider using "--custom" with a custom profile that specifies "securityContext.runAsUser: 0".\n')
}

function statusOf(pod: Pod, container: string): ContainerStatus | undefined {
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = pod.status
  return [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses].find((c) => c.name === container)
}

function* attachDebugger(k: Kubectl, pod: Pod, container: string): Task {
  const { flags: f } = k
  const quiet = f.bool('quiet')
  const { namespace, name } = pod.metadata
  const warnings: string[] = []
  const ready = yield* waitForPod(k, namespace, name, 0, (each) => {
    const state = statusOf(each, container)?.state
    if (state?.waiting?.message && !quiet && warnings.at(-1) !== state.waiting.message) warnings.push(state.waiting.message)
    return state?.running !== undefined || state?.terminated !== undefined
  }, function* () {
    for (const message of warnings.splice(0)) yield* k.err(`Warning: container ${container}: ${message}\n`)
  })
  if (statusOf(ready, container)?.state?.terminated) return yield* printLog(k, ready, quiet, container)
  try {
    yield* attachTo(k, ready, { container, stdin: f.bool('stdin'), tty: f.bool('tty'), quiet })
  } catch (error) {
    if (error instanceof ExitError) return
    yield* k.err(`warning: couldn't attach to pod/${name}, falling back to streaming logs: ${messageOf(error)}\n`)
    yield* printLog(k, ready, quiet, container)
  }
}
