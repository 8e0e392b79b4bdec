import type { LabView } from '../../electron/bridge/view.ts'

/** What a screen reader is told when something was passed, answered wrongly or hinted at; null when nothing was. */
export function announcement(before: LabView | null, after: LabView): string | null {
  if (!before || before.id !== after.id || before === after) return null
  if (after.finished && !before.finished) return `The lab ${after.title} is finished.`
  for (const step of Object.values(after.steps)) {
    const was = before.steps[step.number]
    if (!was || was === step) continue
    if (step.state === 'passed' && was.state !== 'passed') {
      const next = after.steps[after.active]
      return `Step ${step.number} passed: ${sentence(step.title)}${next && next !== step ? ` Step ${next.number} is next: ${sentence(next.title)}` : ''}`
    }
    const check = Object.values(step.checks).find((c) => c.state === 'passed' && was.checks[c.id]?.state !== 'passed')
    if (check) return `Check passed: ${sentence(check.title)}`
    for (const now of Object.values(step.checks)) {
      const then = was.checks[now.id]
      if (!then || then === now) continue
      if (now.kind === 'quiz' && now.state === 'failing' && now.found && now.found !== then.found) return now.found
      if (now.hints.length > then.hints.length) return `Hint: ${now.hints.at(-1)!}`
    }
  }
  return null
}

/** A title that asks has its own mark at its end. */
function sentence(title: string): string {
  return /[.!?]$/.test(title) ? title : `${title}.`
}
