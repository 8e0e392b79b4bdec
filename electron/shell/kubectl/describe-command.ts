import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { describeObject } from './describe/index.ts'
import { aggregate, isNotFound, KubectlError, messageOf, throwAll } from './errors.ts'
import { FILENAME_FLAGS, flags, SELECTOR_FLAG } from './flags.ts'
import { queryOf, resolve } from './resources.ts'

export const describe: Command = {
  name: 'describe',
  short: 'Show details of a specific resource or group of resources',
  use: 'describe (-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME)',
  flags: flags(FILENAME_FLAGS, SELECTOR_FLAG, `
    -A --all-namespaces bool
    --chunk-size int=500
    --show-events bool=true
  `),
  run,
}

function* run(k: Kubectl): Task<number> {
  const { args } = k
  if (args.length === 0 && k.flags.list('filename').length === 0 && !k.flags.string('kustomize')) {
    throw new KubectlError('You must specify the type of resource to describe. Use "kubectl api-resources" for a complete list of supported resources.\n')
  }
  const { infos, errors } = yield* resolve(k, queryOf(k, { args, everything: true }))
  const all = aggregate(errors)
  if (all !== undefined && isNotFound(all) && args.length === 2) return yield* byPrefix(k, all)
  const failures = [...errors]
  const seen = new Set<string>()
  let first = true
  for (const info of infos) {
    try {
      const text = describeObject(k, info)
      yield* k.out(first ? text : `\n\n${text}`)
      first = false
    } catch (error) {
      if (!seen.has(messageOf(error))) failures.push(error)
      seen.add(messageOf(error))
    }
  }
  if (infos.length === 0 && failures.length === 0) {
    yield* k.err(k.flags.bool('all-namespaces') ? 'No resources found\n' : `No resources found in ${k.namespace.name} namespace.\n`)
  }
  throwAll(failures)
  return 0
}

/** A name that nothing has may be the beginning of some. */
function* byPrefix(k: Kubectl, original: unknown): Task<number> {
  const { infos, errors } = yield* resolve(k, { args: [k.args[0]!], everything: true, singleType: true })
  throwAll(errors)
  const found = infos.filter((info) => info.name.startsWith(k.args[1]!))
  if (found.length === 0) throw original
  for (const info of found) yield* k.out(`${describeObject(k, info)}\n`)
  return 0
}
