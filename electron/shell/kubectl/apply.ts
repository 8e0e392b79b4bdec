import { StatusError } from '../../engine/kubernetes/client.ts'
import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { editLastApplied } from './edit-modes.ts'
import { setLastApplied, viewLastApplied } from './apply-last-applied.ts'
import { checkPrune, prune, PRUNE_FLAGS } from './apply-prune.ts'
import { serverSideApply } from './apply-server.ts'
import { type Command, did, type DryRun, type Kubectl } from './command.ts'
import { cascade, deleteInfos, waitForDeletion } from './delete.ts'
import { isConflict, isNotFound, KubectlError, throwAll, withSource } from './errors.ts'
import { DRY_RUN_FLAG, FILENAME_FLAGS, flags, PRINT_FLAGS, SELECTOR_FLAG, VALIDATE_FLAG } from './flags.ts'
import { sortedGoJson } from './json.ts'
import { at, isObject, type JsonObject, map, text } from './objects.ts'
import { infoText, LAST_APPLIED, patchFor, withLastApplied } from './last-applied.ts'
import { printerFor } from './printers/index.ts'
import { recorded } from './record.ts'
import { type Info, keyOf, queryOf, resolve } from './resources.ts'

/** How long --force waits for the old object to go, when --timeout does not say (ms). */
const GONE_WITHIN = 300_000

export const apply: Command = {
  name: 'apply',
  short: 'Apply a configuration to a resource by file name or stdin',
  use: 'apply (-f FILENAME | -k DIRECTORY)',
  flags: flags(FILENAME_FLAGS, PRINT_FLAGS, DRY_RUN_FLAG, VALIDATE_FLAG, SELECTOR_FLAG, PRUNE_FLAGS, `
    --all bool
    --cascade string=background?background
    --field-manager string=kubectl-client-side-apply
    --force bool
    --force-conflicts bool
    --grace-period int=-1
    --openapi-patch bool=true -
    --overwrite bool=true ~
    --record bool !
    --server-side bool
    --subresource string
    --timeout duration=0s -
    --wait bool -
  `),
  commands: [
    editLastApplied,
    setLastApplied,
    viewLastApplied,
  ],
  run,
}

function* run(k: Kubectl): Task<number> {
  const { flags: f } = k
  if (k.args.length > 0) throw k.usageError(`Unexpected args: [${k.args.join(' ')}]`)
  const dryRun = yield* k.dryRun()
  if (f.list('filename').length === 0 && !f.string('kustomize')) throw new KubectlError('must specify one of -f and -k')
  const validation = k.validation()
  const serverSide = f.bool('server-side')
  if (f.bool('force-conflicts') && !serverSide) throw new KubectlError('--force-conflicts only works with --server-side')
  if (f.bool('force') && serverSide) throw new KubectlError('--force cannot be used with --server-side')
  if (f.string('subresource') !== '' && !serverSide) throw new KubectlError('--subresource can only be specified for --server-side')
  if (dryRun === 'client' && serverSide) throw new KubectlError("--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)")
  if (f.bool('all') && f.string('selector')) throw new KubectlError('cannot set --all and --selector at the same time')
  checkPrune(k)
  const { infos, errors } = yield* resolve(k, queryOf(k, { args: [], all: false, validate: validation }))
  if (infos.length === 0 && errors.length === 0) throw new KubectlError('no objects passed to apply')
  const done: { object: JsonObject }[] = []
  const wantsObject = f.string('output') !== '' && f.string('output') !== 'name'
  for (const info of infos) {
    try {
      const generateName = info.name ? '' : text(at(info.object, 'metadata', 'generateName'))
      if (generateName) throw new KubectlError(`from ${generateName}: cannot use generate name with apply`)
      const { object, operation } = serverSide ? yield* serverSideApply(k, info, dryRun, validation) : yield* applyOne(k, info, dryRun, validation)
      if (dryRun !== 'client' && object['metadata'] && at(object, 'metadata', 'deletionTimestamp') && operation !== 'unchanged') {
        yield* k.err(`Warning: Detected changes to resource ${info.name} which is currently being deleted.\n`)
      }
      done.push({ object })
      if (!wantsObject) yield* k.out(f.string('output') === 'name' ? printerFor(k).print(object) : did(object, operation, dryRun))
    } catch (error) {
      errors.push(error)
    }
  }
  throwAll(errors)
  if (wantsObject) {
    const several = done.length !== 1
    const printer = printerFor(k, { typed: several })
    // the list is made here, with the order of its Go type; what is in it came from the server
    const objects = done.map((d) => (several ? (JSON.parse(sortedGoJson(d.object)) as JsonObject) : d.object))
    yield* k.out(printer.print(!several ? objects[0]! : { kind: 'List', apiVersion: 'v1', metadata: {}, items: objects }))
  }
  if (f.bool('prune')) yield* prune(k, done.map((d) => d.object), dryRun)
  return 0
}

/** How often a patch that meets a conflict is worked out anew, and how long it waits before, in ms: apply's patcher.go. */
const PATCH_TRIES = 5
const PATCH_PAUSE = 1000

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== null).map(([key, v]) => [key, withoutNulls(v)]))
}

function* applyOne(k: Kubectl, info: Info, dryRun: DryRun, validation: 'Strict' | 'Warn' | 'Ignore'): Task<{ object: JsonObject; operation: string }> {
  const object = info.object!
  const key = keyOf(info.resource)
  const namespace = info.resource.namespaced ? info.namespace : undefined
  const options = { fieldManager: k.flags.string('field-manager'), dryRun: dryRun === 'server', fieldValidation: validation }
  if (!info.name) throw withSource(`retrieving current configuration of:\n${infoText(info)}\nfrom server for:`, info.source, new KubectlError('resource name may not be empty'))
  const modified = withLastApplied(recorded(k, object))
  let current: JsonObject
  try {
    current = k.client.get<KubeObject>(key, namespace, info.name) as unknown as JsonObject
  } catch (error) {
    if (!isNotFound(error)) throw withSource(`retrieving current configuration of:\n${infoText(info)}\nfrom server for:`, info.source, error)
    const made = withoutNulls(modified) as JsonObject
    if (dryRun === 'client') return { object: made, operation: 'created' }
    try {
      return { object: (yield* k.decided(() => k.client.create<KubeObject>(key, namespace, made, options))) as unknown as JsonObject, operation: 'created' }
    } catch (failure) {
      throw withSource('creating', info.source, failure)
    }
  }
  if (dryRun === 'client') return { object: current, operation: 'configured' }
  if (at(current, 'metadata', 'annotations', LAST_APPLIED) === undefined) {
    yield* k.err(`Warning: resource ${info.resource.name}/${info.name} is missing the ${LAST_APPLIED} annotation which is required by kubectl apply. kubectl apply should only be used on resources created declaratively by either kubectl create --save-config or kubectl apply. The missing annotation will be patched automatically.\n`)
  }
  const custom = info.resource.custom
  for (let attempt = 0; ; attempt++) {
    const failed = (patch: string, error: unknown): unknown => withSource(`applying patch:\n${patch}\nto:\n${infoText({ ...info, object: current })}\nfor:`, info.source, withSource('patching', info.source, error))
    let patch: JsonObject
    try {
      patch = patchFor(custom ? undefined : info.resource.kind, modified, current)
    } catch (error) {
      throw failed('', error)
    }
    if (Object.keys(patch).length === 0) return { object: current, operation: 'unchanged' }
    try {
      const patched = yield* k.decided(() => k.client.patch<KubeObject>(key, namespace, info.name, custom ? 'application/merge-patch+json' : 'application/strategic-merge-patch+json', patch, options))
      return { object: patched as unknown as JsonObject, operation: 'configured' }
    } catch (error) {
      if (isConflict(error) && attempt < PATCH_TRIES) {
        // from the second on it waits
        if (attempt > 0) yield* k.process.sleep(PATCH_PAUSE)
        try {
          current = k.client.get<KubeObject>(key, namespace, info.name) as unknown as JsonObject
        } catch (failure) {
          throw withSource(`applying patch:\n\nto:\n${infoText({ ...info, object: current })}\nfor:`, info.source, failure)
        }
        continue
      }
      if (k.flags.bool('force') && error instanceof StatusError && (isConflict(error) || error.status.reason === 'Invalid')) {
        return { object: yield* deletedAndCreated(k, info, current, modified, dryRun), operation: 'configured' }
      }
      throw failed(sortedGoJson(patch), error)
    }
  }
}

/** --force: what cannot be patched is made anew; the old object is put back when that fails. */
function* deletedAndCreated(k: Kubectl, info: Info, former: JsonObject, modified: JsonObject, dryRun: DryRun): Task<JsonObject> {
  const key = keyOf(info.resource)
  const namespace = info.resource.namespaced ? info.namespace : undefined
  const fieldManager = k.flags.string('field-manager')
  const errors: unknown[] = []
  const propagation = yield* cascade(k, k.flags.string('cascade'))
  yield* deleteInfos(k, [{ ...info, object: former }], { grace: k.flags.int('grace-period'), dryRun, propagation, ignoreMissing: false, errors, quiet: true })
  throwAll(errors)
  yield* waitForDeletion(k, info, text(at(former, 'metadata', 'uid')), k.process.clock.now + (k.flags.duration('timeout') || GONE_WITHIN))
  try {
    return (yield* k.decided(() => k.client.create<KubeObject>(key, namespace, withoutNulls(modified), { fieldManager }))) as unknown as JsonObject
  } catch (error) {
    const { resourceVersion: _version, uid: _uid, ...metadata } = map(former['metadata'])
    yield* k.decided(() => k.client.create<KubeObject>(key, namespace, { ...former, metadata }, { fieldManager }))
    throw error
  }
}

/** A kind without a schema (undefined) gets a JSON merge patch. */
