import type { Task } from '../../engine/machine/task.ts'
import type { Shell } from '../language/shell.ts'

// eslint-disable-next-line require-yield
export function* interactiveShell(_shell: Shell): Task<number> {
  return 0
}
