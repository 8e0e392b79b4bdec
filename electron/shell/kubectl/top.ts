import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { KubectlError } from './errors.ts'
import { FIELD_SELECTOR_FLAG, flags, SELECTOR_FLAG } from './flags.ts'

/** A cluster without metrics-server: what kubectl finds. */
function* unavailable(k: Kubectl): Task<number> {
  if (k.args.length > 1) throw k.usageError(k.command.use)
  if (k.args.length > 0 && k.flags.string('selector') !== '') throw new KubectlError(`only one of NAME or ${k.path.endsWith('node') ? '--selector' : 'selector'} can be provided`)
  if (!['', 'cpu', 'memory'].includes(k.flags.string('sort-by'))) throw new KubectlError('--sort-by accepts only cpu or memory')
  k.client.serverVersion()
  throw new KubectlError('Metrics API not available')
}

export const top: Command = {
  name: 'top',
  short: 'Display resource (CPU/memory) usage',
  use: 'top [flags]',
  helpTo: 'stderr',
  commands: [
    {
      name: 'node',
      aliases: ['nodes', 'no'],
      short: 'Display resource (CPU/memory) usage of nodes',
      use: 'node [NAME | -l label]',
      flags: flags(SELECTOR_FLAG, '--no-headers bool\n--show-capacity bool\n--sort-by string\n--use-protocol-buffers bool=true'),
      run: unavailable,
    },
    {
      name: 'pod',
      aliases: ['pods', 'po'],
      short: 'Display resource (CPU/memory) usage of pods',
      use: 'pod [NAME | -l label]',
      flags: flags(SELECTOR_FLAG, FIELD_SELECTOR_FLAG, '-A --all-namespaces bool\n--containers bool\n--no-headers bool\n--sort-by string\n--sum bool\n--use-protocol-buffers bool=true'),
      run: unavailable,
    },
  ],
}
