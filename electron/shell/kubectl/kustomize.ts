import type { Task } from '../../engine/machine/task.ts'
import { encodeUtf8 } from '../../engine/text.ts'
import type { Command, Kubectl } from './command.ts'
import { KubectlError, NotSimulatedError } from './errors.ts'
import { flags } from './flags.ts'
import { sortedGoJson } from './json.ts'
import { build } from './kustomize/build.ts'
import { Loader } from './kustomize/loader.ts'
import type { Files } from './manifests.ts'
import type { JsonObject } from './objects.ts'
import { toYaml } from './yaml.ts'

const RESTRICTORS = ['LoadRestrictionsRootOnly', 'LoadRestrictionsNone']

export const kustomize: Command = {
  name: 'kustomize',
  short: 'Build a kustomization target from a directory or URL',
  use: 'kustomize DIR [flags]',
  flags: flags(`
    --as-current-user bool
    --enable-alpha-plugins bool
    --enable-helm bool
    -e --env array
    --helm-api-versions slice
    --helm-command string=helm
    --helm-debug bool
    --helm-kube-version string
    --load-restrictor string=LoadRestrictionsRootOnly
    --mount array
    --network bool
    --network-name string=bridge
    -o --output string
  `),
  *run(k): Task<number> {
    if (k.args.length > 1) throw new KubectlError('specify one path to kustomization.yaml')
    const restrictor = k.flags.string('load-restrictor')
    if (!RESTRICTORS.includes(restrictor)) throw new KubectlError(`illegal flag value --load-restrictor ${restrictor}; legal values: [${RESTRICTORS.join(' ')}]`)
    const objects = yield* built(k, k.args[0] ?? '.', restrictor === 'LoadRestrictionsRootOnly')
    const text = objects.map(toYaml).join('---\n')
    const output = k.flags.string('output')
    if (output === '') {
      yield* k.out(text)
      return 0
    }
    const { fs } = k.process
    const path = k.process.resolve(output)
    if (fs.exists(path) && fs.stat(path).type === 'directory') throw new NotSimulatedError('kubectl kustomize -o with a folder', '-o FILE')
    try {
      fs.writeFile(path, encodeUtf8(text))
    } catch (error) {
      throw new KubectlError(`open ${output}: ${(error as Error).message.toLowerCase()}`)
    }
    return 0
  },
}

function* built(k: Kubectl, path: string, restricted: boolean): Task<JsonObject[]> {
  const warnings: string[] = []
  try {
    return build(Loader.at(k.process, path, restricted), (line) => warnings.push(line))
  } finally {
    for (const line of warnings) yield* k.err(`${line}\n`)
  }
}

/** The objects that a folder of -k comes to. */
export function* kustomized(k: Kubectl, path: string): Task<Files> {
  const objects = yield* built(k, path, true)
  return { entries: objects.map((object) => ({ source: path, value: object, raw: sortedGoJson(object), object })), single: false }
}
