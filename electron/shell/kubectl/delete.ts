import type { DeleteOptions } from '../../engine/kubernetes/client.ts'
import { WATCH_BROKE } from '../../engine/kubernetes/connection-watch.ts'
import type { Task } from '../../engine/machine/task.ts'
import { type Command, type DryRun, dryRunned, type Kubectl } from './command.ts'
import { isNotFound, KubectlError, throwAll, withSource } from './errors.ts'
import { DRY_RUN_FLAG, FIELD_SELECTOR_FLAG, FILENAME_FLAGS, flags, SELECTOR_FLAG } from './flags.ts'
import { at, text } from './objects.ts'
import { rawRequest, rawWithBody } from './raw.ts'
import { type Info, ignoreNotFound, keyOf, kindWord, queryOf, resolve } from './resources.ts'
import { Watch } from './watching.ts'

export const del: Command = {
  name: 'delete',
  short: 'Delete resources by file names, stdin, resources and names, or by resources and label selector',
  use: 'delete ([-f FILENAME] | [-k DIRECTORY] | TYPE [(NAME | -l label | --all)])',
  flags: flags(FILENAME_FLAGS, DRY_RUN_FLAG, SELECTOR_FLAG, FIELD_SELECTOR_FLAG, `
    --all bool
    -A --all-namespaces bool
    --cascade string=background?background
    --force bool
    --grace-period int=-1
    --ignore-not-found bool
    -i --interactive bool
    --now bool
    -o --output string
    --raw string
    --timeout duration
    --wait bool=true
  `),
  run,
}

const IMMEDIATE = 'Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.'
const CLUSTER_SCOPED = 'deleting cluster-scoped resources, not scoped to the provided namespace'

function* run(k: Kubectl): Task<number> {
  const { flags: f } = k
  if (f.string('raw') !== '') {
    if (f.list('filename').length > 0) return yield* rawWithBody(k, 'DELETE')
    yield* rawRequest(k, 'DELETE')
    return 0
  }
  const propagation = yield* cascade(k, f.string('cascade'))
  const many = f.bool('all') || f.string('selector') !== '' || f.string('field-selector') !== ''
  const ignoreMissing = f.changed('ignore-not-found') ? f.bool('ignore-not-found') : many
  let grace = f.int('grace-period')
  if (f.bool('now')) {
    if (grace !== -1) throw new KubectlError('--now and --grace-period cannot be specified together')
    grace = 1
  }
  if (grace === 0 && !f.bool('force')) grace = 1
  if (f.bool('force') && grace < 0) grace = 0
  const dryRun = yield* k.dryRun()
  const result = yield* resolve(k, queryOf(k, { args: k.args, unfetched: true }))
  const output = f.string('output')
  if (output !== '' && output !== 'name') throw new KubectlError(`unexpected -o output mode: ${output}. We only support '-o name'`)
  if (f.bool('all') && f.string('selector')) throw new KubectlError('cannot set --all and --selector at the same time')
  if (f.bool('all') && f.string('field-selector')) throw new KubectlError('cannot set --all and --field-selector at the same time')
  if (grace === 0 && f.bool('force')) yield* k.warn(IMMEDIATE)
  if (grace > 0 && f.bool('force')) throw new KubectlError('--force and --grace-period greater than 0 cannot be specified together')
  if (f.bool('interactive') && !(yield* confirmed(k, result.infos))) return 0
  const failed: unknown[] = []
  const deleted = yield* deleteInfos(k, result.infos, { grace, dryRun, propagation, ignoreMissing, errors: failed, warnClusterScope: k.namespace.explicit && !f.bool('all-namespaces') })
  // what was not found of what was named comes after what could not be deleted
  throwAll([...failed, ...(ignoreMissing ? ignoreNotFound(result.errors) : result.errors)])
  if (result.infos.length === 0) {
    yield* k.out('No resources found\n')
    return 0
  }
  if (f.bool('wait') && dryRun === 'none') yield* waitGone(k, deleted, f.duration('timeout'))
  return 0
}

export type Propagation = NonNullable<DeleteOptions['propagationPolicy']>

/** parseCascadingFlag: what was a bool before v1.20. */
export function* cascade(k: Kubectl, value: string): Task<Propagation> {
  if (value === 'background') return 'Background'
  if (value === 'foreground') return 'Foreground'
  if (value === 'orphan') return 'Orphan'
  const yes = ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(value)
  if (!yes && !['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(value)) {
    throw new KubectlError(`invalid cascade value (${value}). Must be "background", "foreground", or "orphan"`)
  }
  yield* k.err(`warning: --cascade=${value} is deprecated (boolean value) and can be replaced with --cascade=${yes ? 'background' : 'orphan'}.\n`)
  return yes ? 'Background' : 'Orphan'
}

function* confirmed(k: Kubectl, infos: readonly Info[]): Task<boolean> {
  if (infos.length === 0) {
    yield* k.out('No resources found\n')
    return false
  }
  yield* k.out(`You are about to delete the following ${infos.length} resource(s):\n${infos.map((i) => `${kindWord(i.resource)}/${i.name}\n`).join('')}Do you want to continue? (y/n): `)
  const answer = yield* k.process.readLine()
  if ((answer ?? '').trim().toLowerCase() === 'y') return true
  yield* k.out('deletion is cancelled\n')
  return false
}

export interface Deletion { info: Info; uid: string }

export interface DeletionOptions {
  grace: number
  dryRun: DryRun
  propagation: NonNullable<DeleteOptions['propagationPolicy']>
  ignoreMissing: boolean
  errors: unknown[]
  quiet?: boolean
  /** `run --rm`: said in words, and as any other deletion. */
  plain?: boolean
  warnClusterScope?: boolean
}

export function* deleteInfos(k: Kubectl, infos: readonly Info[], options: DeletionOptions): Task<Deletion[]> {
  const deleted: Deletion[] = []
  let warn = options.warnClusterScope ?? false
  for (const info of infos) {
    if (warn && !info.resource.namespaced) {
      yield* k.warn(CLUSTER_SCOPED)
      warn = false
    }
    let uid = ''
    if (options.dryRun !== 'client') {
      try {
        const answer = yield* k.decided(() => k.client.delete(keyOf(info.resource), info.resource.namespaced ? info.namespace : undefined, info.name, {
          gracePeriodSeconds: options.grace >= 0 ? options.grace : undefined, propagationPolicy: options.propagation, dryRun: options.dryRun === 'server',
        }))
        uid = text(answer.kind === 'Status' ? at(answer, 'details', 'uid') : at(answer, 'metadata', 'uid'))
      } catch (error) {
        if (!(options.ignoreMissing && isNotFound(error))) options.errors.push(withSource('deleting', info.source, error))
        continue
      }
    }
    deleted.push({ info, uid })
    if (options.quiet) continue
    const operation = dryRunned(options.grace === 0 && !options.plain ? 'force deleted' : 'deleted', options.dryRun)
    const kind = kindWord(info.resource)
    yield* k.out(!options.plain && k.flags.has('output') && k.flags.string('output') === 'name' ? `${kind}/${info.name}\n` : `${kind} "${info.name}" ${operation}\n`)
  }
  return deleted
}

/** Until each is gone, or another of that name has come. */
function* waitGone(k: Kubectl, deletions: readonly Deletion[], timeout: number): Task {
  const deadline = timeout > 0 ? k.process.clock.now + timeout : Infinity
  for (const { info, uid } of deletions) yield* waitForDeletion(k, info, uid, deadline)
}

export function* waitForDeletion(k: Kubectl, info: Info, uid: string, deadline: number): Task {
  const key = keyOf(info.resource)
  const namespace = info.resource.namespaced ? info.namespace : undefined
  try {
    k.client.get(key, namespace, info.name)
  } catch (error) {
    if (isNotFound(error)) return
    throw error
  }
  const options = { namespace, fieldSelector: `metadata.name=${info.name}` }
  const listed = k.client.list(key, options)
  const found = listed.items[0]
  if (!found || (uid && found.metadata.uid !== uid)) return
  const watch = new Watch(k, key, { ...options, resourceVersion: listed.resourceVersion })
  try {
    for (;;) {
      const event = yield* watch.next(deadline)
      if (!event) throw new KubectlError(`timed out waiting for the condition on ${info.resource.name}/${info.name}`)
      if (event.type === 'DELETED') return
      if (event.type === 'ERROR' && event.status.reason === WATCH_BROKE) continue
      if (event.type === 'ERROR') throw new KubectlError(event.status.message)
    }
  } finally {
    watch.close()
  }
}
