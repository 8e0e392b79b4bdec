import type { WriteOptions } from '../../engine/kubernetes/client.ts'
import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { owned } from '../coreutils/access.ts'
import { prunedObjects } from './apply-prune.ts'
import { applyManager, applyOnServer } from './apply-server.ts'
import type { Command, Kubectl } from './command.ts'
import { AggregateError, ExitError, isConflict, isNotFound, KubectlError, report } from './errors.ts'
import { FILENAME_FLAGS, flags, SELECTOR_FLAG } from './flags.ts'
import { LAST_APPLIED, patchFor } from './last-applied.ts'
import { at, equal, type JsonObject, map, text } from './objects.ts'
import { withoutManagedFields } from './printers/index.ts'
import { type Info, infoOf, keyOf, queryOf, resolve } from './resources.ts'
import { toYaml } from './yaml.ts'

/**
 * What an apply would change: the live object and the one a dry run gives, each as YAML in a folder of its own, between
 * which diff(1) tells the differences. Ends with 1 when there are any, and with more when something went wrong.
 */
export const diff: Command = {
  name: 'diff',
  short: 'Diff the live version against a would-be applied version',
  use: 'diff -f FILENAME',
  flags: flags(FILENAME_FLAGS, SELECTOR_FLAG, `
    --concurrency int=1 -
    --field-manager string=kubectl-client-side-apply
    --force-conflicts bool
    --prune bool
    --prune-allowlist array
    --server-side bool
    --show-managed-fields bool
  `),
  *run(k: Kubectl): Task<number> {
    try {
      return yield* run(k)
    } catch (error) {
      const told = report(error)
      // 1 means that there are differences.
      throw told && told.code < 69 ? new ExitError(told.code + 1, told.text) : error
    }
  },
}

function* run(k: Kubectl): Task<number> {
  const { flags: f, process } = k
  if (k.args.length > 0) throw k.usageError(`Unexpected args: [${k.args.join(' ')}]`)
  if (f.list('filename').length === 0 && !f.string('kustomize')) throw new KubectlError('must specify one of -f and -k')
  const serverSide = f.bool('server-side')
  if (f.bool('force-conflicts') && !serverSide) throw new KubectlError('--force-conflicts only works with --server-side')
  const { infos, errors } = yield* resolve(k, queryOf(k, { args: [], all: false }))
  // the first error ends it
  if (errors.length > 0) throw innermost(errors[0])
  const folders = ['LIVE', 'MERGED'].map((name) => temporaryFolder(k, name))
  try {
    const write = (folder: string, info: Info, object: JsonObject | undefined): void => {
      const path = `${folder}/${fileName(info)}`
      process.fs.writeFile(path, object ? toYaml(object) : '', 0o700)
      owned(process, path)
    }
    const applied: JsonObject[] = []
    for (const info of infos) {
      let versions: [JsonObject | undefined, JsonObject]
      try {
        versions = yield* versionsOf(k, info, serverSide)
      } catch (error) {
        // it has been tried four times by then
        if (isConflict(error)) yield* k.err(`${k.logHead('W')} diff.go:723] Object (${info.resource.group}/${info.resource.version}, Kind=${info.resource.kind}: ${info.name}) keeps changing, diffing without lock\n`)
        throw error
      }
      for (const [i, object] of versions.entries()) write(folders[i]!, info, object)
      applied.push(versions[0] ?? { metadata: { namespace: info.resource.namespaced ? info.namespace : '' } })
      const [live] = versions
      if (live && at(live, 'metadata', 'deletionTimestamp')) yield* k.err(`Warning: Detected changes to resource ${info.name} which is currently being deleted.\n`)
    }
    if (f.bool('prune')) for (const { resource, object } of yield* prunedObjects(k, applied)) write(folders[0]!, infoOf(resource, object), object)
    return yield* runDiff(k, folders)
  } finally {
    for (const folder of folders) process.fs.remove(folder, { recursive: true })
  }
}

/** What went wrong with an item of a list, by itself. */
function innermost(error: unknown): unknown {
  return error instanceof AggregateError ? innermost(error.errors[0]) : error
}

function temporaryFolder({ process }: Kubectl, name: string): string {
  const path = `${process.env.get('TMPDIR') || '/tmp'}/${name}-${process.clock.random.below(2 ** 32)}`
  process.fs.makeDirectory(path, { mode: 0o700 })
  owned(process, path)
  return path
}

function fileName({ resource, namespace, name }: Info): string {
  return `${resource.group ? `${resource.group}.` : ''}${resource.version}.${resource.kind}.${resource.namespaced ? namespace : ''}.${name}`
}

function* versionsOf(k: Kubectl, info: Info, serverSide: boolean): Task<[JsonObject | undefined, JsonObject]> {
  const key = keyOf(info.resource)
  const namespace = info.resource.namespaced ? info.namespace : undefined
  const options: WriteOptions = { fieldManager: applyManager(k, serverSide), dryRun: true, fieldValidation: 'Warn' }
  let live: JsonObject | undefined
  try {
    live = k.client.get<KubeObject>(key, namespace, info.name) as unknown as JsonObject
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
  let merged: JsonObject
  if (serverSide) merged = yield* applyOnServer(k, info, info.object, { ...options, force: k.flags.bool('force-conflicts') })
  else if (!live) merged = (yield* k.decided(() => k.client.create<KubeObject>(key, namespace, info.object, options))) as unknown as JsonObject
  else {
    const custom = info.resource.custom
    const patch = patchFor(custom ? undefined : info.resource.kind, withoutLastApplied(info.object!), live)
    const unchanged = Object.keys(patch).length === 0
    // what is shown is what was looked at
    if (!unchanged) patch['metadata'] = { ...map(patch['metadata']), resourceVersion: at(live, 'metadata', 'resourceVersion') }
    merged = unchanged ? live : ((yield* k.decided(() => k.client.patch<KubeObject>(key, namespace, info.name, custom ? 'application/merge-patch+json' : 'application/strategic-merge-patch+json', patch, options))) as unknown as JsonObject)
  }
  if (!k.flags.bool('show-managed-fields')) {
    live = live && withoutManagedFields(live)
    merged = withoutManagedFields(merged)
  }
  return info.resource.kind === 'Secret' && info.resource.group === '' ? masked(live, merged) : [live, merged]
}

/** As what the annotation remembers: without itself, and with annotations, be there any or not. */
function withoutLastApplied(object: JsonObject): JsonObject {
  const metadata = map(object['metadata'])
  const { [LAST_APPLIED]: _, ...annotations } = map(metadata['annotations'])
  return { ...object, metadata: { ...metadata, annotations } }
}

/** A Secret's values are not shown, only whether they change. */
function masked(live: JsonObject | undefined, merged: JsonObject): [JsonObject | undefined, JsonObject] {
  const [from, to] = [map(live?.['data']), map(merged['data'])]
  const mask = (data: JsonObject, other: JsonObject, changed: string): JsonObject =>
    Object.fromEntries(Object.keys(data).map((key) => [key, Object.hasOwn(other, key) && !equal(data[key], other[key]) ? changed : '***']))
  const withData = (object: JsonObject, data: JsonObject): JsonObject => (object['data'] === undefined ? object : { ...object, data })
  return [live && withData(live, mask(from, to, '*** (before)')), withData(merged, mask(to, from, '*** (after)'))]
}

function* runDiff({ process }: Kubectl, folders: readonly string[]): Task<number> {
  const [program = 'diff', ...more] = (process.env.get('KUBECTL_EXTERNAL_DIFF') ?? '').split(' ').filter((word) => word !== '')
  const argv = process.env.get('KUBECTL_EXTERNAL_DIFF') ? [program, ...more.filter((word) => /^[a-zA-Z0-9-=]+$/.test(word)), ...folders] : ['diff', '-u', '-N', ...folders]
  let child
  try {
    child = process.spawn({ argv, files: process.files })
  } catch (error) {
    const missing = (error as { code?: string }).code === 'ENOENT' && !program.includes('/')
    throw new KubectlError(`failed to run ${JSON.stringify(program)}: ${missing ? 'executable file not found in $PATH' : text((error as Error).message)}`)
  }
  const { code } = yield* process.wait(child)
  if (code > 1) throw new KubectlError(`failed to run ${JSON.stringify(program)}: exit status ${code}`)
  return code
}
