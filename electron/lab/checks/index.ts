import type { Check } from '../model.ts'
import { failing, type CheckContext, type CheckResult } from './context.ts'
import { checkJourney } from './journey.ts'
import { checkResource } from './resource.ts'
import { checkFile, checkPortForward, checkQuiz } from './simple.ts'

export type { CheckContext, CheckResult } from './context.ts'

/** Checks that are answered by looking. `dns`, `trace` send packets and take time: see probe.ts. `still` is the run's. */
export function look(check: Exclude<Check, { kind: 'dns' | 'trace' | 'still' }>, context: CheckContext): CheckResult {
  try {
    switch (check.kind) {
      case 'resource': return checkResource(check, context)
      case 'journey': return checkJourney(check, context)
      case 'file': return checkFile(check, context)
      case 'quiz': return checkQuiz(check, context)
      case 'port-forward': return checkPortForward(check, context)
    }
  } catch (error) {
    return failing(`the check itself failed: ${(error as Error).message}`)
  }
}
