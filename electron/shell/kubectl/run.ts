import type { Pod } from '../../engine/kubernetes/types.ts'
import { Signal, type Task } from '../../engine/machine/task.ts'
import { attachTo } from './attach.ts'
import { type Command, dryRunned, type DryRun, type Kubectl } from './command.ts'
import { cascade, deleteInfos } from './delete.ts'
import { ExitError, KubectlError, messageOf, quote } from './errors.ts'
import { DRY_RUN_FLAG, flags, PRINT_FLAGS } from './flags.ts'
import { parseEnv, parseLabels, parsePairs } from './generators.ts'
import { inGoOrder } from './go-order.ts'
import type { JsonObject } from './objects.ts'
import { OVERRIDE_FLAGS, overridden } from './overrides.ts'
import { attachablePod, containerOf, waitForPod } from './pods.ts'
import { printerFor } from './printers/index.ts'
import { recorded } from './record.ts'
import { infoOf } from './resources.ts'
import { FORMER_FLAGS, generated, generatorOf } from './run-generators.ts'
import { createObject, metadataOf } from './saving.ts'

export const run: Command = {
  name: 'run',
  short: 'Run a particular image on the cluster',
  use: 'run NAME --image=image [--env="key=value"] [--port=port] [--dry-run=server|client] [--overrides=inline-json] [--command] -- [COMMAND] [args...]',
  flags: flags(PRINT_FLAGS, DRY_RUN_FLAG, OVERRIDE_FLAGS, `
    --annotations array
    --attach bool
    --cascade string=background?background
    --command bool
    --env array
    --expose bool
    --field-manager string=kubectl-run
    -f --filename slice -
    --force bool
    --grace-period int=-1
    --image string
    --image-pull-policy string
    -k --kustomize string -
    -l --labels string
    --leave-stdin-open bool
    --pod-running-timeout duration=1m0s
    --port string
    --privileged bool
    -q --quiet bool
    -R --recursive bool -
    --record bool !
    --restart string=Always
    --rm bool
    --save-config bool
    -i --stdin bool
    --timeout duration -
    -t --tty bool
    --wait bool -
  `),
  hiddenFlags: FORMER_FLAGS,
  required: ['image'],
  run: main,
}

/** distribution/reference ReferenceRegexp */
export const IMAGE = /^(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::\d+)?\/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*(?::[\w][\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$/

function* main(k: Kubectl): Task<number> {
  const { flags: f, args } = k
  const dryRun = yield* k.dryRun()
  const interactive = f.bool('stdin')
  const attaching = f.changed('attach') ? f.bool('attach') : interactive
  const printer = printerFor(k, { operation: dryRunned('created', dryRun), typed: true })
  const typed = (object: JsonObject): JsonObject => (dryRun === 'client' ? object : inGoOrder(object))
  if (args.length === 0 || f.dash === 0) throw k.usageError('NAME is required for run')
  const timeout = f.duration('pod-running-timeout')
  if (timeout <= 0) throw k.usageError('--pod-running-timeout must be higher than zero')
  const image = f.string('image')
  if (image === '') throw new KubectlError('--image is required')
  if (!IMAGE.test(image)) throw new KubectlError(`Invalid image name ${quote(image)}: invalid reference format`)
  if (f.bool('tty') && !interactive) throw k.usageError('-i/--stdin is required for containers with -t/--tty=true')
  if (f.bool('expose') && f.string('port') === '') throw k.usageError('--port must be set when exposing a service')
  const restart = f.string('restart') || (interactive ? 'OnFailure' : 'Always')
  if (!['Always', 'OnFailure', 'Never'].includes(restart)) throw k.usageError(`invalid restart policy: ${restart}`)
  if (!attaching && f.bool('rm')) throw k.usageError('--rm should only be used for attached containers')
  if (attaching && dryRun !== 'none') throw k.usageError("--dry-run=[server|client] can't be used with attached containers options (--attach, --stdin, or --tty)")
  const pull = f.string('image-pull-policy')
  if (!['', 'Always', 'IfNotPresent', 'Never'].includes(pull)) throw k.usageError(`invalid image pull policy: ${pull}`)
  const generator = generatorOf(k, restart)
  if (generator !== undefined && generator !== 'run-pod/v1') {
    yield* k.err(`kubectl run --generator=${generator} is DEPRECATED and will be removed in a future version. Use kubectl run --generator=run-pod/v1 or kubectl create instead.\n`)
  }
  const created = [yield* createObject(k, overridden(k, recorded(k, generate(k, args[0]!, args.slice(1), restart, generator))), dryRun)]
  if (f.bool('expose')) {
    const service = yield* createObject(k, exposedService(k, args[0]!), dryRun)
    yield* k.out(`${printer.print(typed(service))}${k.flags.string('output') === 'yaml' ? '---\n' : ''}`)
    created.push(service)
  }
  if (!attaching) {
    yield* k.out(printer.print(typed(created[0]!)))
    return 0
  }
  try {
    return yield* attached(k, created[0]!, { timeout, interactive, restart })
  } finally {
    if (f.bool('rm')) yield* removeCreated(k, created, dryRun)
  }
}

/** The Pod, or what else a generator of before v1.18 makes. */
function generate(k: Kubectl, name: string, args: readonly string[], restart: string, generator: string | undefined): JsonObject {
  const { flags: f } = k
  const labels = f.string('labels') ? parseLabels(f.string('labels')) : { run: name }
  const container: JsonObject = { name, image: f.string('image') }
  if (args.length > 0) container[f.bool('command') ? 'command' : 'args'] = [...args]
  if (f.string('port')) {
    if (!/^[+-]?\d+$/.test(f.string('port'))) throw new KubectlError(`strconv.Atoi: parsing ${quote(f.string('port'))}: invalid syntax`)
    container['ports'] = [{ containerPort: Number(f.string('port')) }]
  }
  const env = parseEnv(f.list('env'))
  if (env.length > 0) container['env'] = env
  container['resources'] = {}
  if (f.string('image-pull-policy')) container['imagePullPolicy'] = f.string('image-pull-policy')
  if (f.bool('privileged')) container['securityContext'] = { privileged: true }
  if (f.bool('stdin')) container['stdin'] = true
  if (f.bool('stdin') && !f.bool('leave-stdin-open')) container['stdinOnce'] = true
  if (f.bool('tty')) container['tty'] = true
  if (generator !== undefined) return generated(k, generator, name, labels, container, restart)
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: metadataOf(name, { labels, annotations: parsePairs(f.list('annotations'), 'annotations') }),
    spec: { containers: [container], restartPolicy: restart, dnsPolicy: 'ClusterFirst' },
    status: {},
  }
}

function exposedService(k: Kubectl, name: string): JsonObject {
  const port = Number(k.flags.string('port'))
  const labels = k.flags.string('labels')
  const selector = labels ? parseLabels(labels) : { run: name }
  return {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: metadataOf(name, { labels: labels ? selector : undefined }),
    spec: { ports: [{ protocol: 'TCP', port, targetPort: port }], selector },
    status: { loadBalancer: {} },
  }
}

function completed(pod: Pod): boolean {
  return pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed'
}

function* attached(k: Kubectl, object: JsonObject, run: { timeout: number; interactive: boolean; restart: string }): Task<number> {
  const { flags: f } = k
  const quiet = f.bool('quiet')
  const resource = k.client.resources().find((r) => r.kind === object['kind'])!
  const pod = yield* attachablePod(k, infoOf(resource, object), run.timeout)
  const { namespace, name } = pod.metadata
  const ready = yield* waitForPod(k, namespace, name, run.timeout, (p) => completed(p) || (p.status.phase === 'Running' && (p.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false)))
  if (completed(ready)) yield* printLog(k, ready, quiet)
  else {
    try {
      yield* attachTo(k, ready, { container: '', stdin: run.interactive, tty: f.bool('tty'), quiet })
    } catch (error) {
      if (!(error instanceof ExitError)) {
        yield* k.err(`warning: couldn't attach to pod/${name}, falling back to streaming logs: ${messageOf(error)}\n`)
        yield* printLog(k, ready, quiet)
      }
    }
  }
  if (f.bool('leave-stdin-open') || run.restart === 'Always') return 0
  const ended = yield* waitForPod(k, namespace, name, run.timeout, (p) => (run.restart === 'OnFailure' ? p.status.phase === 'Succeeded' : completed(p)))
  if (ended.status.phase === 'Succeeded') return 0
  const terminated = ended.status.containerStatuses?.[0]?.state?.terminated
  if (!terminated || terminated.exitCode === 0) throw new KubectlError(`pod ${namespace}/${name} failed with unknown exit code`)
  throw new ExitError(terminated.exitCode, `pod ${namespace}/${name} terminated (${terminated.reason ?? ''})\n${terminated.message ?? ''}`)
}

/** What a container that has ended already said. */
export function* printLog(k: Kubectl, pod: Pod, quiet: boolean, name = ''): Task {
  const container = yield* containerOf(k, pod, name, quiet)
  const { text, refused } = yield* wholeLog(k, pod, container.name)
  if (refused) throw refused
  yield* k.out(text)
}

/** What a container has said until now, or why there is nothing to read. */
export function* wholeLog(k: Kubectl, pod: Pod, container: string): Task<{ text: string; refused?: unknown }> {
  const lines: string[] = []
  const ended = new Signal()
  let result: { refused?: unknown } | undefined
  const end = (how: typeof result): void => {
    result ??= how
    ended.notify()
  }
  const stop = k.client.logs(pod.metadata.namespace, pod.metadata.name, { container }, { onLine: (line) => void lines.push(`${line}\n`), onRefused: (refused) => end({ refused }), onEnd: () => end({}) })
  try {
    while (!result) yield ended.wait
  } finally {
    stop()
  }
  return { text: lines.join(''), ...(result as { refused?: unknown }) }
}

/** --rm: also when attaching failed. */
function* removeCreated(k: Kubectl, created: readonly JsonObject[], dryRun: DryRun): Task {
  const errors: unknown[] = []
  const infos = created.flatMap((object) => {
    const resource = k.client.resources().find((r) => r.kind === object['kind'])
    return resource ? [infoOf(resource, object)] : []
  })
  const grace = k.flags.bool('force') && k.flags.int('grace-period') < 0 ? 0 : k.flags.int('grace-period')
  yield* deleteInfos(k, infos, { grace, dryRun, propagation: yield* cascade(k, k.flags.string('cascade')), ignoreMissing: true, errors, plain: true, quiet: k.flags.bool('quiet') })
}

