import { type PatchType, StatusError } from '../../engine/kubernetes/client.ts'
import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { byName } from '../../engine/own.ts'
import type { Command, Kubectl } from './command.ts'
import { KubectlError, messageOf, quote, throwAll } from './errors.ts'
import { DRY_RUN_FLAG, FILENAME_FLAGS, flags, PRINT_FLAGS, RECORD_FLAG } from './flags.ts'
import { jsonError } from '../../engine/kubernetes/json-syntax.ts'
import { parseYaml } from './manifest-stream.ts'
import { equal, type JsonObject } from './objects.ts'
import { patchedLocally } from './patched-locally.ts'
import { printerFor } from './printers/index.ts'
import { recordAfterwards } from './record.ts'
import { keyOf, queryOf, resolve } from './resources.ts'
import { fetch } from './fetch.ts'

const TYPES: Record<string, PatchType> = byName({
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
})

export const patch: Command = {
  name: 'patch',
  short: 'Update fields of a resource',
  use: 'patch (-f FILENAME | TYPE NAME) [-p PATCH|--patch-file FILE]',
  flags: flags(FILENAME_FLAGS, PRINT_FLAGS, DRY_RUN_FLAG, RECORD_FLAG, `
    --field-manager string=kubectl-patch
    --local bool
    -p --patch string
    --patch-file string
    --subresource string
    --type string=strategic
  `),
  run,
}

function* run(k: Kubectl): Task<number> {
  const { flags: f } = k
  const dryRun = yield* k.dryRun()
  if (f.string('patch') && f.string('patch-file')) throw new KubectlError('cannot specify --patch and --patch-file together')
  if (!f.string('patch') && !f.string('patch-file')) throw new KubectlError('must specify --patch or --patch-file containing the contents of the patch')
  const type = TYPES[f.string('type').toLowerCase()]
  if (!type) throw new KubectlError(`--type must be one of [json merge strategic], not ${quote(f.string('type'))}`)
  let written = f.string('patch')
  if (f.string('patch-file')) {
    try {
      written = k.process.fs.readText(k.process.resolve(f.string('patch-file')))
    } catch (error) {
      throw new KubectlError(`unable to read patch file: open ${f.string('patch-file')}: ${messageOf(error).toLowerCase()}`)
    }
  }
  let body: unknown
  // what does not begin with a brace is read as YAML
  const isJson = /^\s*\{/.test(written)
  const wrong = isJson ? jsonError(written) : undefined
  try {
    if (wrong === undefined) body = isJson ? JSON.parse(written) : parseYaml(written)
  } catch (error) {
    throw new KubectlError(`unable to parse ${quote(written)}: ${messageOf(error).replace(/^error converting YAML to JSON: /, '')}`)
  }
  const local = f.bool('local')
  if (local && k.args.length !== 0) throw new KubectlError('cannot specify --local and server resources')
  if (local && dryRun === 'server') throw new KubectlError('cannot specify --local and --dry-run=server - did you mean --dry-run=client?')
  const { infos, errors } = yield* resolve(k, local ? { filenames: f.list('filename'), kustomize: f.string('kustomize'), recursive: f.bool('recursive'), local } : queryOf(k, { args: k.args }))
  if (infos.length === 0 && errors.length === 0) throw new KubectlError('no objects passed to patch')
  for (const info of infos) {
    try {
      if (wrong !== undefined) throw new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: wrong, reason: 'BadRequest', code: 400 })
      if (local) {
        const after = patchedLocally(info.object!, type, body)
        yield* k.out(printerFor(k, { operation: equal(info.object, after) ? 'patched (no change)' : 'patched' }).print(after))
        continue
      }
      const subresource = f.string('subresource')
      const before = subresource ? fetch(k, info, subresource).object! : info.object!
      const patched = (yield* k.decided(() => k.client.patch<KubeObject>(keyOf(info.resource), info.resource.namespaced ? info.namespace : undefined, info.name, type, body, {
        // a local dry run has the server work it out, without keeping it
        dryRun: dryRun !== 'none', fieldManager: f.string('field-manager'), subresource: subresource || undefined, fieldValidation: 'Warn',
      }))) as unknown as JsonObject
      const changed = !equal(before, patched)
      const after = yield* recordAfterwards(k, info, patched, dryRun)
      yield* k.out(printerFor(k, { operation: changed ? 'patched' : 'patched (no change)' }).print(after))
    } catch (error) {
      const { group, version, kind } = info.resource
      const unfit = error instanceof StatusError && error.status.reason === 'UnsupportedMediaType'
      errors.push(unfit ? new KubectlError(`${type} is not supported by ${group}/${version}, Kind=${kind}: ${error.message}`) : error)
    }
  }
  throwAll(errors)
  return 0
}
