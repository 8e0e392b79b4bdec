import type { Command } from './command.ts'
import { DRY_RUN_FLAG, FILENAME_FLAGS, flags, PRINT_FLAGS } from './flags.ts'

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
