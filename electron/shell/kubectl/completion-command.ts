import type { Task } from '../../engine/machine/task.ts'
import type { Command } from './command.ts'
import { BASH_COMPLETION } from './completion-script.ts'
import { NotSimulatedError } from './errors.ts'

export const completion: Command = {
  name: 'completion',
  short: 'Output shell completion code for the specified shell (bash, zsh, fish, or powershell)',
  use: 'completion SHELL',
  *run(k): Task<number> {
    if (k.args.length === 0) throw k.usageError('Shell not specified.')
    if (k.args.length > 1) throw k.usageError('Too many arguments. Expected only the shell type.')
    if (!['bash', 'zsh', 'fish', 'powershell'].includes(k.args[0]!)) throw k.usageError(`Unsupported shell type "${k.args[0]!}".`)
    if (k.args[0] !== 'bash') throw new NotSimulatedError(`kubectl completion ${k.args[0]!}`, 'this shell reads kubectl completion bash')
    yield* k.out(BASH_COMPLETION)
    return 0
  },
}
