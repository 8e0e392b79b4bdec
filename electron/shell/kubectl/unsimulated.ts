import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { KubectlError, NotSimulatedError } from './errors.ts'
import { DRY_RUN_FLAG, FILENAME_FLAGS, flags, PRINT_FLAGS, TEMPLATE_FLAGS } from './flags.ts'
import { helpOf } from './help.ts'
import { resourceFor } from './resources.ts'

/** Verbs whose flags are read and whose help is right, and that say what else to do. */
export const autoscale: Command = {
  name: 'autoscale',
  short: 'Auto-scale a deployment, replica set, stateful set, or replication controller',
  use: 'autoscale (-f FILENAME | TYPE NAME | TYPE/NAME) [--min=MINPODS] --max=MAXPODS [--cpu-percent=CPU]',
  flags: flags(FILENAME_FLAGS, PRINT_FLAGS, DRY_RUN_FLAG, `
    --cpu-percent int=-1
    --field-manager string=kubectl-autoscale
    --max int=-1
    --min int=-1
    --name string
    --save-config bool
  `),
  required: ['max'],
  instead: 'use kubectl scale',
}

function decider(name: 'approve' | 'deny', short: string): Command {
  return {
    name,
    short,
    use: `${name} (-f FILENAME | NAME)`,
    flags: flags(FILENAME_FLAGS, TEMPLATE_FLAGS, `
      --force bool
      -o --output string
    `),
    *run(k): Task<number> {
      if (k.args.length === 0 && k.flags.list('filename').length === 0) throw new KubectlError('one or more CSRs must be specified as <name> or -f <filename>')
      resourceFor(k, 'certificatesigningrequests')
      throw new NotSimulatedError(k.path, 'there are no certificate signing requests')
    },
  }
}

/** Groups that show their help whatever follows them. */
function* showHelp(k: Kubectl): Task<number> {
  yield* k.out(helpOf(k.command, k.path))
  return 0
}

export const certificate: Command = {
  name: 'certificate',
  short: 'Modify certificate resources',
  use: 'certificate SUBCOMMAND',
  commands: [decider('approve', 'Approve a certificate signing request'), decider('deny', 'Deny a certificate signing request')],
  run: showHelp,
}
