import { jsonError } from '../../engine/kubernetes/json-syntax.ts'
import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { infoText, LAST_APPLIED } from './last-applied.ts'
import { type Command, dryRunned, type Kubectl } from './command.ts'
import { isNotFound, KubectlError, quote, throwAll, withSource } from './errors.ts'
import { DRY_RUN_FLAG, FILENAME_FLAGS, flags, PRINT_FLAGS, SELECTOR_FLAG } from './flags.ts'
import { goJson, sortedGoJson } from './json.ts'
import { parseManifest } from './manifests.ts'
import { at, type JsonObject, text } from './objects.ts'
import { printerFor } from './printers/index.ts'
import { type Info, keyOf, queryOf, resolve } from './resources.ts'
import { toYaml } from './yaml.ts'

/** What kubectl remembers of its own client-side applies: an annotation of the object. */
function remembered(object: unknown): string {
  return text(at(object, 'metadata', 'annotations', LAST_APPLIED))
}

export const viewLastApplied: Command = {
  name: 'view-last-applied',
  short: 'View the latest last-applied-configuration annotations of a resource/object',
  use: 'view-last-applied (TYPE [NAME | -l label] | TYPE/NAME | -f FILENAME)',
  flags: flags(FILENAME_FLAGS, SELECTOR_FLAG, `
    --all bool
    -o --output string=yaml
  `),
  *run(k: Kubectl): Task<number> {
    const { infos, errors } = yield* resolve(k, queryOf(k, { args: k.args, latest: true }))
    throwAll(errors)
    const texts: string[] = []
    for (const info of infos) {
      const remembers = remembered(info.object)
      if (remembers !== '') texts.push(remembers)
      // kubectl wraps an error that is none, which only a file has
      else if (info.source) throw new KubectlError(`error when no last-applied-configuration annotation found on resource: ${info.name}\n ${quote(info.source)}: <nil>`)
    }
    const output = k.flags.string('output')
    if (output !== 'json' && output !== 'yaml') throw k.usageError(`Unexpected -o output mode: ${output}, the flag 'output' must be one of yaml|json`)
    for (const json of texts) {
      if (output === 'yaml') yield* k.out(toYaml(parseManifest(json)))
      else {
        const wrong = jsonError(json)
        if (wrong !== undefined) throw new KubectlError(wrong)
        yield* k.out(`${goJson(JSON.parse(json), '  ')}\n`)
      }
    }
    return 0
  },
}

export const setLastApplied: Command = {
  name: 'set-last-applied',
  short: 'Set the last-applied-configuration annotation on a live object to match the contents of a file',
  use: 'set-last-applied -f FILENAME',
  flags: flags(PRINT_FLAGS, DRY_RUN_FLAG, `
    --create-annotation bool
    -f --filename slice
  `),
  *run(k: Kubectl): Task<number> {
    const dryRun = yield* k.dryRun()
    const printer = printerFor(k, { operation: dryRunned('configured', dryRun) })
    const { infos, errors } = yield* resolve(k, queryOf(k))
    throwAll(errors)
    const changes: { info: Info; live: JsonObject; wanted: string }[] = []
    for (const info of infos) {
      // As it stands in the file: unlike apply's own, without annotations that are not there.
      const wanted = `${sortedGoJson(info.object!)}\n`
      let live: JsonObject
      try {
        live = k.client.get<KubeObject>(keyOf(info.resource), info.resource.namespaced ? info.namespace : undefined, info.name) as unknown as JsonObject
      } catch (error) {
        if (isNotFound(error)) throw error
        throw withSource(`retrieving current configuration of:\n${infoText(info)}\nfrom server for:`, info.source, error)
      }
      const now = remembered(live)
      if (!now && !k.flags.bool('create-annotation')) {
        throw new KubectlError(`no last-applied-configuration annotation found on resource: ${info.name}, to create the annotation, run the command with --create-annotation`)
      }
      if (now === wanted) yield* k.out(`set-last-applied ${info.name}: no changes required.\n`)
      else changes.push({ info, live, wanted })
    }
    for (const { info, live, wanted } of changes) {
      const patch = { metadata: { annotations: { [LAST_APPLIED]: wanted } } }
      const object =
        dryRun === 'client'
          ? live
          : ((yield* k.decided(() => k.client.patch<KubeObject>(keyOf(info.resource), info.resource.namespaced ? info.namespace : undefined, info.name, 'application/merge-patch+json', patch, {
              dryRun: dryRun === 'server', fieldManager: 'kubectl',
            }))) as unknown as JsonObject)
      yield* k.out(printer.print(object))
    }
    return 0
  },
}
