import type { Task } from '../../engine/machine/task.ts'
import type { Command } from './command.ts'
import { KubectlError, throwAll } from './errors.ts'
import { DRY_RUN_FLAG, FILENAME_FLAGS, flags, PRINT_FLAGS, RECORD_FLAG, SELECTOR_FLAG } from './flags.ts'
import { resourceAmount } from './generators.ts'
import { type JsonObject, map } from './objects.ts'
import { LOCAL_ONLY } from './resources.ts'
import { applyChange, changeContainers, chosen, refuseMixed, withPodSpec } from './set-template.ts'

/** kubectl's pkg/cmd/set: set_resources.go and set_serviceaccount.go. */

export const setResources: Command = {
  name: 'resources',
  short: 'Update resource requests/limits on objects with pod templates',
  use: 'resources (-f FILENAME | TYPE NAME)  ([--limits=LIMITS & --requests=REQUESTS]',
  flags: flags(FILENAME_FLAGS, PRINT_FLAGS, DRY_RUN_FLAG, SELECTOR_FLAG, RECORD_FLAG, `
    --all bool
    -c --containers string=*
    --field-manager string=kubectl-set
    --limits string
    --local bool
    --requests string
  `),
  *run(k): Task<number> {
    const { flags: f } = k
    const dryRun = yield* k.dryRun()
    if (f.bool('local') && k.args.length > 0) throw new KubectlError(LOCAL_ONLY)
    const { infos, errors } = yield* chosen(k, k.args)
    throwAll(errors)
    refuseMixed(k, dryRun)
    if (!f.string('limits') && !f.string('requests')) throw new KubectlError('you must specify an update to requests or limits (in the form of --requests/--limits)')
    const amounts: [string, JsonObject][] = [['limits', parseResources(f.string('limits'))], ['requests', parseResources(f.string('requests'))]]
    const problems: unknown[] = []
    yield* applyChange(k, infos, problems, dryRun, {
      operation: 'resource requirements updated',
      failure: 'failed to patch resources update to pod template ',
      modify: (object, info) => withPodSpec(object, info.resource, (spec) => {
        const { spec: changed, count } = changeContainers(spec, f.string('containers'), (container) => {
          const resources = { ...map(container['resources']) }
          for (const [name, wanted] of amounts) if (Object.keys(wanted).length > 0) resources[name] = { ...map(resources[name]), ...wanted }
          return { ...container, resources }
        })
        if (count === 0) problems.push(new KubectlError(`error: unable to find container named ${f.string('containers')}`))
        return changed
      }),
    })
    throwAll(problems)
    return 0
  },
}

/** "cpu=100m,memory=1Gi" */
function parseResources(text: string): JsonObject {
  return Object.fromEntries(text === '' ? [] : text.split(',').map(resourceAmount))
}

export const setServiceAccount: Command = {
  name: 'serviceaccount',
  aliases: ['sa'],
  short: 'Update the service account of a resource',
  use: 'serviceaccount (-f FILENAME | TYPE NAME) SERVICE_ACCOUNT',
  flags: flags(FILENAME_FLAGS, PRINT_FLAGS, DRY_RUN_FLAG, RECORD_FLAG, `
    --all bool
    --field-manager string=kubectl-set
    --local bool
  `),
  *run(k): Task<number> {
    const dryRun = yield* k.dryRun()
    if (k.flags.bool('local') && dryRun === 'server') throw new KubectlError('cannot specify --local and --dry-run=server - did you mean --dry-run=client?')
    if (k.args.length === 0) throw new KubectlError('serviceaccount is required')
    const account = k.args.at(-1)!
    const { infos, errors } = yield* chosen(k, k.args.slice(0, -1))
    throwAll(errors)
    const problems: unknown[] = []
    yield* applyChange(k, infos, problems, dryRun, {
      operation: 'serviceaccount updated',
      failure: 'failed to patch ServiceAccountName ',
      always: true,
      modify: (object, info) => withPodSpec(object, info.resource, (spec) => ({ ...spec, serviceAccountName: account })),
    })
    throwAll(problems)
    return 0
  },
}
