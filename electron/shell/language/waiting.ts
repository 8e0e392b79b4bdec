import type { Suspension, Task } from '../../engine/machine/task.ts'
import { anyOf } from '../../engine/machine/task.ts'

/**
 * Runs a task that is given up (its `finally` blocks run) as soon as `over` says so; wherever it waits, `wake` ends
 * the wait too. Undefined when it was given up.
 */
export function* givenUp<T>(task: Task<T>, wake: Suspension, over: () => boolean): Task<{ value: T } | undefined> {
  let done = false
  try {
    for (;;) {
      const next = task.next()
      if (next.done) {
        done = true
        return { value: next.value }
      }
      yield anyOf(next.value, wake)
      if (over()) return undefined
    }
  } catch (error) {
    done = true
    throw error
  } finally {
    if (!done) task.return(undefined as T)
  }
}
