import type { KubeObject } from '../../engine/kubernetes/types.ts'
import { sleep, type Task } from '../../engine/machine/task.ts'
import { type Command, dryRunned, type Kubectl } from './command.ts'
import { cascade, deleteInfos, type Propagation } from './delete.ts'
import { isNotFound, KubectlError, throwAll, withSource } from './errors.ts'
import { DRY_RUN_FLAG, FILENAME_FLAGS, flags, PRINT_FLAGS, VALIDATE_FLAG } from './flags.ts'
import { LAST_APPLIED, withLastApplied } from './last-applied.ts'
import { at, type JsonObject } from './objects.ts'
import { printerFor } from './printers/index.ts'
import { rawWithBody } from './raw.ts'
import { type Info, keyOf, queryOf, refuseUnserved, resolve } from './resources.ts'

/** How long --force waits for the old object to go, when --timeout does not say, and how often it looks (ms). */
const GONE_WITHIN = 300_000
const LOOK_EVERY = 1000

export const replace: Command = {
  name: 'replace',
  short: 'Replace a resource by file name or stdin',
  use: 'replace -f FILENAME',
  flags: flags(FILENAME_FLAGS, PRINT_FLAGS, DRY_RUN_FLAG, VALIDATE_FLAG, `
    --cascade string=background?background
    --field-manager string=kubectl-replace
    --force bool
    --grace-period int=-1
    --raw string
    --save-config bool
    --subresource string
    --timeout duration=0s
    --wait bool -
  `),
  run,
}

function* run(k: Kubectl): Task<number> {
  const { flags: f } = k
  if (f.string('raw') !== '') return yield* rawWithBody(k, 'PUT')
  const validation = k.validation()
  const dryRun = yield* k.dryRun()
  const force = f.bool('force')
  if (f.list('filename').length === 0 && !f.string('kustomize')) throw new KubectlError('must specify one of -f and -k')
  if (f.int('grace-period') >= 0 && !force) throw new KubectlError('--grace-period must have --force specified')
  if (f.duration('timeout') !== 0 && !force) throw new KubectlError('--timeout must have --force specified')
  if (force && dryRun !== 'none') throw new KubectlError('--dry-run can not be used when --force is set')
  const propagation = yield* cascade(k, f.string('cascade'))
  const printer = printerFor(k, { operation: dryRunned('replaced', dryRun) })
  const { infos, errors } = yield* resolve(k, queryOf(k, { args: [], validate: validation }))
  const failed: unknown[] = []
  if (force) {
    throwAll(errors)
    yield* removeFirst(k, infos, propagation)
  }
  const options = { fieldManager: f.string('field-manager'), fieldValidation: validation, dryRun: dryRun === 'server' }
  for (const info of infos) {
    const object = remembering(info.object!, f.bool('save-config'))
    const key = keyOf(info.resource)
    const namespace = info.resource.namespaced ? info.namespace : undefined
    try {
      let done = object
      if (force) done = (yield* k.decided(() => k.client.create<KubeObject>(key, namespace, object, options))) as unknown as JsonObject
      else if (dryRun !== 'client') {
        refuseUnserved('put', info, f.string('subresource'))
        done = (yield* k.decided(() => k.client.update<KubeObject>(key, namespace, info.name, object, { ...options, subresource: f.string('subresource') || undefined }))) as unknown as JsonObject
      }
      yield* k.out(printer.print(done))
    } catch (error) {
      failed.push(force ? error : withSource('replacing', info.source, error))
    }
  }
  throwAll([...failed, ...errors])
  if (force && infos.length === 0) throw new KubectlError('no objects passed to replace')
  return 0
}

/** util.CreateOrUpdateAnnotation. */
function remembering(object: JsonObject, save: boolean): JsonObject {
  return save || at(object, 'metadata', 'annotations', LAST_APPLIED) !== undefined ? withLastApplied(object) : object
}

function* removeFirst(k: Kubectl, infos: readonly Info[], propagation: Propagation): Task {
  const { flags: f } = k
  const given = f.int('grace-period')
  const errors: unknown[] = []
  yield* deleteInfos(k, infos, { grace: given === 0 ? 1 : given, dryRun: 'none', propagation, ignoreMissing: true, errors })
  throwAll(errors)
  for (const info of infos) {
    const deadline = k.process.clock.now + (f.duration('timeout') || GONE_WITHIN)
    while (isThere(k, info)) {
      if (k.process.clock.now >= deadline) throw new KubectlError('context deadline exceeded')
      yield sleep(k.process.clock, LOOK_EVERY)
    }
  }
}

function isThere(k: Kubectl, { resource, namespace, name }: Info): boolean {
  try {
    k.client.get(keyOf(resource), resource.namespaced ? namespace : undefined, name)
    return true
  } catch (error) {
    if (isNotFound(error)) return false
    throw error
  }
}
