import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { type Command, dryRunned, type Kubectl } from './command.ts'
import { isConflict, KubectlError, spoken, throwAll } from './errors.ts'
import { DRY_RUN_FLAG, FILENAME_FLAGS, flags, PRINT_FLAGS, RECORD_FLAG, SELECTOR_FLAG } from './flags.ts'
import { at, text } from './objects.ts'
import { printerFor } from './printers/index.ts'
import { recordAfterwards } from './record.ts'
import { type Info, keyOf, queryOf, refuseUnserved, resolve } from './resources.ts'
import { Watch } from './watching.ts'

export const scale: Command = {
  name: 'scale',
  short: 'Set a new size for a deployment, replica set, or replication controller',
  use: 'scale [--resource-version=version] [--current-replicas=count] --replicas=COUNT (-f FILENAME | TYPE NAME)',
  flags: flags(FILENAME_FLAGS, PRINT_FLAGS, DRY_RUN_FLAG, SELECTOR_FLAG, RECORD_FLAG, `
    --all bool
    --current-replicas int=-1
    --replicas int=0
    --resource-version string
    --timeout duration
  `),
  required: ['replicas'],
  run,
}

function* run(k: Kubectl): Task<number> {
  const { flags: f } = k
  const replicas = f.int('replicas')
  const dryRun = yield* k.dryRun()
  const printer = printerFor(k, { operation: dryRunned('scaled', dryRun) })
  if (replicas < 0) throw new KubectlError('The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0')
  if (f.int('current-replicas') < -1) throw new KubectlError('The --current-replicas must specify an integer of -1 or greater')
  const { infos, errors } = yield* resolve(k, queryOf(k, { args: k.args, all: false, everything: f.bool('all') }))
  if (f.string('resource-version') && infos.length > 1) throw new KubectlError('cannot use --resource-version with multiple resources')
  if (infos.length === 0) {
    if (errors.length > 0) throw new KubectlError(`no objects passed to scale ${spoken(errors[0])}`)
    throw new KubectlError('no objects passed to scale')
  }
  for (const info of infos) {
    if (dryRun !== 'client') {
      yield* scaleOne(k, info, replicas, dryRun === 'server')
      if (f.duration('timeout') > 0 && dryRun === 'none') yield* waitForReplicas(k, info, replicas, f.duration('timeout'))
      // in earnest also with --dry-run=server, as kubectl does
      yield* recordAfterwards(k, info, info.object!, 'none')
    }
    yield* k.out(printer.print(info.object!))
  }
  throwAll(errors)
  return 0
}

/** By the scale subresource, which only some kinds have. */
function* scaleOne(k: Kubectl, info: Info, replicas: number, dryRun: boolean): Task {
  const key = keyOf(info.resource)
  refuseUnserved('patch', info, 'scale')
  const current = Number(text(at(info.object, 'spec', 'replicas')) || '1')
  const wanted = k.flags.int('current-replicas')
  const version = k.flags.string('resource-version')
  if (wanted !== -1 && wanted !== current) throw new KubectlError(`Expected replicas to be ${wanted}, was ${current}`)
  if (version && version !== text(at(info.object, 'metadata', 'resourceVersion'))) {
    throw new KubectlError(`Expected resource version to be ${version}, was ${text(at(info.object, 'metadata', 'resourceVersion'))}`)
  }
  for (let attempt = 0; ; attempt++) {
    try {
      yield* k.decided(() => k.client.patch<KubeObject>(key, info.namespace, info.name, 'application/merge-patch+json', { spec: { replicas } }, { subresource: 'scale', dryRun }))
      return
    } catch (error) {
      if (!isConflict(error) || attempt >= 10) throw error
    }
  }
}

function* waitForReplicas(k: Kubectl, info: Info, replicas: number, timeout: number): Task {
  const key = keyOf(info.resource)
  const deadline = k.process.clock.now + timeout
  const watch = new Watch(k, key, { namespace: info.namespace, fieldSelector: `metadata.name=${info.name}` })
  try {
    for (;;) {
      const event = yield* watch.next(deadline)
      if (!event) throw new KubectlError('timed out waiting for the condition')
      if (event.type === 'BOOKMARK' || event.type === 'ERROR') continue
      const object = event.object
      if (Number(at(object, 'status', 'replicas') ?? 0) === replicas && at(object, 'status', 'observedGeneration') === at(object, 'metadata', 'generation')) return
    }
  } finally {
    watch.close()
  }
}
