/** Languages of code blocks that are meant for the terminal. */
const RUNNABLE = new Set(['console', 'sh', 'shell', 'bash'])

export function isRunnable(language: string | null): boolean {
  return language !== null && RUNNABLE.has(language)
}

/**
 * What a block types into the terminal. Where it shows a session ("$ kubectl get pods" and what that printed), only the
 * commands and their continuation lines ("> ") count.
 */
export function commandsOf(block: string): string {
  const lines = block.replace(/\n+$/, '').split('\n')
  const prompted = lines.some((l) => l.startsWith('$ '))
  const typed = prompted ? lines.filter((l) => l.startsWith('$ ') || l.startsWith('> ')).map((l) => l.slice(2)) : lines
  return typed.join('\n')
}

/** As keys: each line ended by Return. */
export function keysOf(commands: string): string {
  return commands.split('\n').join('\r') + '\r'
}
